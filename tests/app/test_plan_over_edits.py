"""`bake plan` against what the build then does, over random edits of everything that a step depends on.

Files, arguments, Dockerfile lines, a base retagged in a real registry, results pruned: `cached` and `run` never differ,
and each `unknown` is resolved.
"""

from __future__ import annotations

import random
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from projects import Project, reasons, statuses
from registry_server import RegistryServer, registry

from bake.app.predicting import plan
from bake.app.pruning import prune
from bake.render.markdown import plan_markdown
from bake.render.plan import plan_text
from bake.solve.planned import PlanReport
from bake.store.prune import Limits

BASES = """
[target.base]
matrix.text = ["one", "two"]
args = {{ T = "${{text}}" }}
tags = ["{host}/base:${{text}}"]
dockerfile-inline = '''
FROM scratch
ARG T
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "echo $T > /base"]
'''
"""
SPEC = """
[variable]
V = "1"
TOKEN = {{ default = "t0", sensitive = true, env = "TOKEN" }}

[target.app]
tags = ["{host}/app:1"]
args = {{ V = "${{V}}", TOKEN = "${{TOKEN}}" }}
dockerfile = "Dockerfile"

[target.above]
contexts = {{ app = "target:app" }}
dockerfile-inline = '''
FROM app AS one
COPY note.txt /note
RUN ["/bin/busybox", "sh", "-c", "cat /note > /copied"]
FROM {host}/base:now
COPY --from=one /copied /copied
RUN --mount=type=bind,source=src,target=/src ["/bin/busybox", "sh", "-c", "cat /src/a.txt > /bound"]
'''
"""
DOCKERFILE = """FROM {host}/base:now
ARG V
ARG TOKEN
WORKDIR /app
RUN ["/bin/busybox", "sh", "-c", "echo $V > /v"]
COPY src/ .
RUN ["/bin/busybox", "sh", "-c", "echo line{line} > /line"]
"""

KINDS = (
    "file",
    "note",
    "new",
    "line",
    "base",
    "prune",
    "prune-all",
    "arg",
    "token",
    "touch",
    "no-cache",
    "filter",
    "-",
)


class Edits:
    """A project and its registry, and one random edit after the other."""

    def __init__(self, project: Project, server: RegistryServer, seed: int) -> None:
        self.project = project
        self.server = server
        self.chance = random.Random(seed)

    def retag(self, source: str) -> None:
        """Moves `base:now` to what another tag points at."""
        url = f"http://{self.server.host}/v2/base/manifests/"
        kinds = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
        with urllib.request.urlopen(urllib.request.Request(url + source, headers={"Accept": kinds})) as answer:
            kind, data = answer.headers["Content-Type"], answer.read()
        put = urllib.request.Request(url + "now", data, {"Content-Type": kind}, method="PUT")
        urllib.request.urlopen(put).close()

    def dockerfile(self, line: int) -> None:
        self.project.write("Dockerfile", DOCKERFILE.format(host=self.server.host, line=line))

    def prune(self, everything: bool) -> None:
        async def work() -> None:
            await prune(self.project.options(), Limits(), everything=everything, dry=False, waiting=lambda: None)

        anyio.run(work)

    def one(self) -> dict[str, object]:
        """An edit; returns what plan and build are asked differently."""
        chance = self.chance
        match chance.choice(KINDS):
            case "file":
                self.project.write("src/a.txt", f"{chance.randrange(3)}")
            case "note":
                self.project.write("note.txt", f"{chance.randrange(2)}")
            case "new":
                self.project.write(f"src/{chance.choice('xyz')}.txt", "new")
            case "line":
                self.dockerfile(chance.randrange(3))
            case "base":
                self.retag(chance.choice(["one", "two"]))
            case "prune":
                self.prune(False)
            case "prune-all":
                self.prune(True)
            case "arg":
                return {"vars": {"V": f"{chance.randrange(3)}"}}
            case "token":
                return {"vars": {"TOKEN": f"t{chance.randrange(3)}"}}
            case "touch":
                (self.project.root / "src/a.txt").touch()
            case "no-cache":
                return {"no_cache": True}
            case "filter":
                return {"sets": ('above.no-cache-filter=["one"]',)}
        return {}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    with registry(tmp_path_factory.mktemp("registry")) as found:
        made = Project(tmp_path_factory.mktemp("bases"))
        made.add_busybox()
        made.write("bake.toml", BASES.format(host=found.host))
        assert made.build("all", push=True).errors == ()
        yield found


@pytest.fixture
def edits(tmp_path: Path, server: RegistryServer) -> Edits:
    project = Project(tmp_path)
    project.write("bake.toml", SPEC.format(host=server.host))
    project.write("src/a.txt", "0")
    project.write("note.txt", "0")
    found = Edits(project, server, 0)
    found.dockerfile(0)
    found.retag("one")
    return found


@pytest.mark.parametrize("seed", range(4))
def test_plan_never_differs_from_the_build(edits: Edits, seed: int) -> None:
    project, edits.chance = edits.project, random.Random(seed)
    for round in range(10):
        changes = edits.one() if round else {}
        predicted = statuses(project.plan("all", **changes))
        result = project.build("all", **changes)
        assert result.errors == ()
        done = statuses(result.report.steps)
        assert predicted.keys() == done.keys()
        wrong = {at: (said, done[at]) for at, said in predicted.items() if said not in ("unknown", done[at])}
        assert wrong == {}
        assert set(done.values()) <= {"cached", "run"}  # each unknown is resolved


def told(edits: Edits, **changes: object) -> PlanReport:
    ignore = lambda _event: None  # noqa: E731
    return anyio.run(plan, edits.project.options("all", **changes), ignore)


def test_each_miss_is_told_by_name_with_both_values(edits: Edits) -> None:
    project = edits.project
    assert {kind for kind, _ in reasons(told(edits).steps).values()} == {"never-built"}
    project.build("all")
    whys = reasons(told(edits, vars={"V": "2"}).steps)
    assert ("arg", "V: '1' → '2'") in whys.values()
    whys = reasons(told(edits, vars={"TOKEN": "hidden"}).steps)
    assert ("arg", "TOKEN changed") in whys.values() and "hidden" not in str(whys)
    edits.dockerfile(1)
    (why,) = reasons(told(edits).steps).values()
    assert why[0] == "instruction" and "line0 > /line" in why[1] and "line1 > /line" in why[1]
    edits.dockerfile(0)
    edits.retag("two")
    found = {detail for kind, detail in reasons(told(edits).steps).values() if kind == "base"}
    assert found and all(d.startswith(f"the base image changed: {edits.server.host}/base:now: ") for d in found)
    edits.retag("one")
    edits.prune(True)
    assert {kind for kind, _ in reasons(told(edits).steps).values()} == {"evicted"}


def test_what_goes_where_and_how_long(edits: Edits) -> None:
    first = told(edits, push=True)
    app = f"{edits.server.host}/app:1"
    assert (first.targets["app"].status, first.targets["app"].push) == ("run", (app,))
    assert first.targets["above"].push == ()
    assert (first.estimate_s, first.at_most_s) == (0.0, 0.0)
    assert first.not_estimated == len(first.steps)
    edits.project.build("all")
    edits.project.write("src/a.txt", "changed")
    second = told(edits, push=True)
    assert second.not_estimated == 0
    assert 0 < second.estimate_s <= second.at_most_s
    text = plan_text(second)
    assert f"app → push {app}\n" in text and "; about " in text
    markdown = plan_markdown(second, {})
    assert f"| app | run | `{app}` |" in markdown
    assert "src/a.txt changed" in markdown.replace("\\", "")
