"""`# syntax=` of another front end: it runs on the builder, and what it makes is an image like any other."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anyio
import pytest
import toy_image
from projects import Project, reasons, statuses
from registry_server import RegistryServer, registry
from test_buildkit_build import NOWHERE, config_of

from bake.app.checking import check
from bake.app.graphing import graph
from bake.app.locking import lock
from bake.errors import InputError
from bake.events import StepLog


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    with registry(tmp_path_factory.mktemp("registry")) as running:
        toy_image.publish(running.host, "toy")
        yield running


SPEC = """
[defaults]
network = "none"
[target.app]
context = "."
output = [{ type = "oci", dest = "out.tar" }]
"""


@pytest.fixture
def toy(project, toys) -> Project:  # type: ignore[no-untyped-def]
    project.syntax = f"# syntax={toys.host}/toy:1\n"
    project.write("src/a.txt", "A")
    project.write(".dockerignore", "token\n*.tar\nbake.toml\nDockerfile\n")
    return project  # type: ignore[no-any-return]


def write(project: Project, text: str, spec: str = SPEC) -> None:
    project.write("Dockerfile", project.syntax + text)
    project.write("bake.toml", spec)


def files_of(archive: Path) -> dict[str, bytes]:
    """Path → bytes of the regular files of an OCI archive's image."""
    found: dict[str, bytes] = {}
    with tarfile.open(archive) as tar:

        def read(digest: str) -> bytes:
            member = tar.extractfile(f"blobs/{digest.replace(':', '/')}")
            assert member is not None
            return member.read()

        index = tar.extractfile("index.json")
        assert index is not None
        manifest = json.loads(read(json.loads(index.read())["manifests"][0]["digest"]))
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=io.BytesIO(read(layer["digest"]))) as files:
                found |= {m.name: files.extractfile(m).read() for m in files if m.isreg()}  # type: ignore[union-attr]
    return found


def test_a_front_end_makes_an_image(toy: Project) -> None:
    write(
        toy,
        "FROM scratch\nCOPY busybox /bin/busybox\nCOPY src /src\nENV A ${VALUE}\nWRITE /hello world\n"
        "RUN echo saying; echo ran > /ran\nEND short\nWRITE /late x\n",
        f'{SPEC}args = {{ VALUE = "1" }}\nlabels = {{ mine = "yes", toy = "ours" }}\n'
        'test = [["/bin/busybox", "sh", "-c", "test $A = 1"]]\n[target.short]\ninherits = ["app"]\ntarget = "short"\n'
        'output = [{ type = "oci", dest = "short.tar" }]\ntest = []\n',
    )
    result = toy.build("app", "short")
    assert [e.diagnostics for e in result.errors] == []
    found = statuses(result.report.steps)
    assert found.pop("short/frontend/1") in ("run", "cached")  # its steps are the first of the other's
    assert found == {"app/frontend/1": "run", "app/test/1": "run"}
    config, files = config_of(toy.root / "out.tar"), files_of(toy.root / "out.tar")
    assert config["config"]["Env"] == ["A=1"] and config["config"]["Labels"] == {"mine": "yes", "toy": "ours"}
    assert (files["hello"], files["src/a.txt"], files["ran"], files["late"]) == (b"world", b"A", b"ran\n", b"x")
    history = config["history"]
    assert len(history) == len(config["rootfs"]["diff_ids"]) == 5 and all(row["created"] for row in history)
    assert result.report.targets["app"].metadata.labels == {"mine": "yes", "toy": "ours"}
    assert "late" not in files_of(toy.root / "short.tar")
    assert "saying" in [event.text for event in toy.events if isinstance(event, StepLog)]

    again = toy.build("app", "short", builders=NOWHERE)  # nobody is asked
    assert set(statuses(again.report.steps).values()) == {"cached"}
    assert again.report.targets["app"].digest == result.report.targets["app"].digest
    assert config_of(toy.root / "out.tar") == config

    toy.write("src/a.txt", "B")
    assert {step.why.detail for step in toy.plan("app") if step.why} >= {"src/a.txt changed"}
    changed = toy.build("short")
    assert reasons(changed.report.steps) == {toy.syntax.strip(): ("file", "src/a.txt changed")}
    assert files_of(toy.root / "short.tar")["src/a.txt"] == b"B"


def test_others_stand_on_its_image_and_it_on_theirs(toy: Project) -> None:
    toy.write("token", "very-secret-token")
    write(
        toy,
        "FROM @base\nENV SEEN ${BASE}\nTAKE data a.txt /taken\nRUN cat $ID; wc -c < $ID > /size\n",
        """
[target.base]
network = "none"
dockerfile-inline = "FROM scratch\\nCOPY busybox /bin/busybox\\nENV BASE=yes\\n"
[target.toy]
network = "none"
contexts = { base = "target:base", data = "src" }
args = { BASE = "b" }
secret = [{ id = "ID", src = "token" }]
[target.app]
network = "none"
dockerfile-inline = '''
FROM toy
RUN ["/bin/busybox", "sh", "-c", "echo $SEEN $BASE > /env"]
ENV LAST=1
'''
contexts = { toy = "target:toy" }
output = [{ type = "oci", dest = "out.tar" }]
[target.copy]
dockerfile-inline = "FROM scratch\\nCOPY --from=toy /taken /t\\n"
contexts = { toy = "target:toy" }
output = [{ type = "oci", dest = "copy.tar" }]
""",
    )
    result = toy.build("app", "copy")
    assert [e.diagnostics for e in result.errors] == []
    config, files = config_of(toy.root / "out.tar"), files_of(toy.root / "out.tar")
    assert {"BASE=yes", "SEEN=b", "LAST=1"} <= set(config["config"]["Env"])
    assert (files["env"], files["taken"], files["size"]) == (b"b yes\n", b"A", b"17\n")
    said = [event.text for event in toy.events if isinstance(event, StepLog)]
    assert "***" in said and not any("very-secret" in text for text in said)
    assert len(config["rootfs"]["diff_ids"]) == 4
    assert [row["created_by"] for row in config["history"] if row.get("empty_layer")] == ["ENV LAST=1"]
    assert files_of(toy.root / "copy.tar") == {"t": b"A"}
    again = toy.build("app", "copy", builders=NOWHERE)
    assert set(statuses(again.report.steps).values()) == {"cached"}
    assert again.report.targets["app"].digest == result.report.targets["app"].digest
    toy.write("Dockerfile", toy.syntax + "FROM @base\nENV SEEN other\n")
    told = {f"{step.targets[0]}/{step.stage}": step.status for step in toy.plan("app")}
    assert told["toy/frontend"] == "run"
    assert config_of(toy.root / "out.tar") == config


def test_what_goes_wrong_is_told_in_its_own_words(toy: Project) -> None:
    write(toy, "FROM scratch\nFAIL no such thing as that\n")
    result = toy.build()
    (error,) = result.errors
    assert str(error).endswith("/toy:1: no such thing as that") and error.exit_code == 1
    (found,) = error.diagnostics
    assert (found.code, str(found.span)) == ("frontend-failed", "Dockerfile:1:1")
    assert statuses(result.report.steps) == {"app/frontend/1": "failed"}

    write(toy, "FROM scratch\nCOPY busybox /bin/busybox\nRUN echo oops; exit 3\n")
    result = toy.build()
    (error,) = result.errors
    assert "exit code: 3" in str(error) and "exit 3" in str(error)
    assert [step.exit_code for step in result.report.steps] == [3]
    said = [event.text for event in toy.events if isinstance(event, StepLog)]
    assert "oops" in said and str(error) in said

    write(toy, "FROM scratch\nTAKE data a.txt /t\n", SPEC + 'contexts = { data = "nowhere" }\n')
    with pytest.raises(InputError, match="nowhere is not a directory"):
        toy.build()


def test_elsewhere_it_is_refused_or_told_as_far_as_it_is_known(toy: Project) -> None:
    stands = '[target.stands]\ndockerfile-inline = "FROM app\\nENV B=2\\n"\ncontexts = { app = "target:app" }\n'
    write(toy, "FROM scratch\nWRITE /a b\n", SPEC + stands)
    for command in (toy.build, toy.plan):
        with pytest.raises(InputError) as caught:
            command("stands", engine="embedded", builders=())
        (found,) = caught.value.diagnostics
        assert (found.code, str(found.span)) == ("foreign-frontend", "Dockerfile:1:1")
        assert "--engine buildkit --builder docker://" in (found.hint or "")
    assert [d.code for d in check(toy.options(engine="embedded", builders=()))] == ["foreign-frontend"]
    assert [(d.code, d.severity) for d in check(toy.options())] == [("frontend-unknown", "info")]
    told = [(step.targets[0], step.status) for step in toy.plan("stands", builders=NOWHERE)]
    assert told == [("app", "run")]
    assert graph(toy.options("stands")).links


def test_its_image_is_locked(toy: Project, toys: RegistryServer) -> None:
    write(toy, "FROM scratch\nWRITE /a b\n")
    anyio.run(partial(lock, toy.options(), upgrade=None, check=False, warn=lambda _: None))
    locked = (toy.root / "bake.lock").read_text()
    assert f"{toys.host}/toy:1" in locked
    first = toy.build(locked=True)
    assert [e.diagnostics for e in first.errors] == []
    toy_image.publish(toys.host, "toy", note="another")
    again = toy.build(locked=True)
    assert set(statuses(again.report.steps).values()) == {"cached"}
    (toy.root / "bake.lock").unlink()
    kind, detail = reasons(toy.plan())[toy.syntax.strip()]
    assert kind == "frontend" and detail.startswith(f"the front end changed: {toys.host}/toy:1: ")
    assert set(statuses(toy.build().report.steps).values()) == {"cached"}  # by the builder: it asks for the same
