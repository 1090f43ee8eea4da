"""`bake lock`, `--locked`, `--upgrade`, `bake outdated`, on a real registry and a real web server."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import pytest
from git_server import Repository, daemon
from projects import Project
from registry_server import RegistryServer, registry

from bake.app.locking import Locked, lock
from bake.app.outdated import Moved, outdated
from bake.errors import Diagnostic, InputError
from bake.events import DiagnosticFound

SPEC = """
[target.app]
dockerfile-inline = '''
FROM {host}/base:1
COPY a /a
ADD {web}/file /
'''
[target.above]
contexts = {{ x = "target:app" }}
dockerfile-inline = '''
FROM x
COPY a /b
'''
[target.other]
dockerfile-inline = '''
FROM scratch
COPY a /a
'''
"""

BASE = """
[target.base]
tags = ["{host}/base:{tag}"]
dockerfile-inline = '''
FROM scratch
COPY t /
'''
"""


class Quiet(SimpleHTTPRequestHandler):
    asked: int = 0

    def log_message(self, *_: object) -> None:
        type(self).asked += 1


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    root = tmp_path / "web"
    root.mkdir()
    (root / "file").write_text("one")
    Quiet.asked = 0
    made = ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: Quiet(*args, directory=str(root)))
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    made.server_close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RegistryServer]:
    with registry(tmp_path / "registry") as found:
        yield found


def publish(tmp_path: Path, host: str, text: str, tag: str = "1") -> None:
    """Moves the tag of the base image to one that holds `text`."""
    made = Project(tmp_path / f"base-{text}-{tag}")
    made.write("bake.toml", BASE.format(host=host, tag=tag))
    made.write("t", text)
    assert made.build("base", push=True).errors == ()


@pytest.fixture
def project(tmp_path: Path, server: RegistryServer, web: str) -> Project:
    publish(tmp_path, server.host, "one")
    made = Project(tmp_path / "main")
    made.write("bake.toml", SPEC.format(host=server.host, web=web))
    made.write("a", "a")
    return made


def locked(project: Project, upgrade: list[str] | None = None, check: bool = False, **changes: object) -> Locked:
    async def work() -> Locked:
        return await lock(project.options(**changes), upgrade=upgrade, check=check, warn=lambda _: None)

    return anyio.run(work)


def moved(project: Project, warnings: list[Diagnostic] | None = None) -> tuple[Moved, ...]:
    return anyio.run(outdated, project.options(), [].append if warnings is None else warnings.append)


def warnings(project: Project) -> list[str]:
    return [e.diagnostic.code for e in project.events if isinstance(e, DiagnosticFound)]


def codes(raised: pytest.ExceptionInfo[InputError]) -> list[str]:
    return [d.code for d in raised.value.diagnostics]


def test_what_is_locked_is_built_from_without_asking(
    tmp_path: Path, project: Project, server: RegistryServer, web: str
) -> None:
    found = locked(project)
    assert [(c.name[0], c.old) for c in found.changes] == [("image", ""), ("url", "")]
    text = (project.root / "bake.lock").read_text()
    assert f'[image."{server.host}/base:1"]\n' in text and f'[url."{web}/file"]\n' in text
    assert '"linux/' in text
    assert project.build("all", locked=True).errors == ()

    publish(tmp_path, server.host, "two")
    (tmp_path / "web/file").write_text("two!")
    asked = Quiet.asked
    again = project.build("all", locked=True)
    assert {step.status for step in again.report.steps} == {"cached"}
    assert (warnings(project), Quiet.asked) == ([], asked)
    server.process.terminate()
    server.process.wait()
    assert project.build("all").errors == () and warnings(project) == []
    assert locked(project).changes == ()  # nothing new to ask for


def test_another_machine_builds_the_same(tmp_path: Path, project: Project, server: RegistryServer) -> None:
    locked(project)
    first = project.build("all")
    publish(tmp_path, server.host, "two")
    project.store = tmp_path / "elsewhere"
    second = project.build("all", locked=True)
    assert second.errors == ()
    assert {step.id for step in first.report.steps} == {step.id for step in second.report.steps}


def test_drift_is_refused_by_name(tmp_path: Path, project: Project, server: RegistryServer, web: str) -> None:
    with pytest.raises(InputError, match=r"there is no bake\.lock") as raised:
        project.build("all", locked=True)
    assert codes(raised) == ["not-locked"]
    locked(project)
    publish(tmp_path, server.host, "new", "2")
    spec = project.root / "bake.toml"
    spec.write_text(spec.read_text().replace("base:1", "base:2").replace("/file", "/file?x"))
    with pytest.raises(InputError) as raised:
        project.build("all", locked=True)
    said = "\n".join(d.message for d in raised.value.diagnostics)
    assert f"{server.host}/base:2 is not in bake.lock" in said
    assert project.build("other", locked=True).errors == ()  # what it does not need does not matter
    assert project.build("all").errors == ()
    assert warnings(project) == ["not-locked", "not-locked"]
    with pytest.raises(InputError) as raised:
        locked(project, check=True)
    said = "\n".join(d.message for d in raised.value.diagnostics)
    assert f"{server.host}/base:2 is not in bake.lock" in said
    assert f"bake.lock has {server.host}/base:1, which nothing uses" in said
    assert [(c.name[1], bool(c.old), bool(c.new)) for c in locked(project).changes] == [
        (f"{server.host}/base:1", True, False),
        (f"{server.host}/base:2", False, True),
        (f"{web}/file", True, False),
        (f"{web}/file?x", False, True),
    ]
    assert locked(project, check=True).changes == ()


def test_a_remote_file_with_another_content_is_refused(tmp_path: Path, project: Project) -> None:
    locked(project)
    (tmp_path / "web/file").write_text("two!")
    project.store = tmp_path / "elsewhere"
    with pytest.raises(InputError, match=r"is not what bake\.lock pins") as raised:
        project.build("all")
    assert codes(raised) == ["lock-mismatch"]


def test_outdated_and_upgrade(tmp_path: Path, project: Project, server: RegistryServer, web: str) -> None:
    with pytest.raises(InputError, match="there is no"):
        moved(project)
    locked(project)
    project.build("all")
    assert moved(project) == ()
    publish(tmp_path, server.host, "two")
    base = ("image", f"{server.host}/base:1")
    (found,) = moved(project)
    assert (found.name, found.targets) == (base, ("app", "above"))
    (tmp_path / "web/file").write_text("two!")
    assert [row.name[0] for row in moved(project)] == ["image", "url"]
    assert locked(project).changes == ()  # only --upgrade moves anything

    with pytest.raises(InputError, match="'bsae' is not in the lock"):
        locked(project, ["bsae"])
    (change,) = locked(project, ["base"]).changes
    assert (change.name, change.old, change.new) == (base, found.locked, found.now)
    (rest,) = moved(project)
    assert rest.name == ("url", f"{web}/file")
    rebuilt = {t for step in project.build("all").report.steps if step.status == "run" for t in step.targets}
    assert rebuilt == set(found.targets)
    assert len(locked(project, []).changes) == 1
    assert moved(project) == ()


def test_what_cannot_be_asked_for_is_a_warning(project: Project, server: RegistryServer) -> None:
    locked(project)
    server.process.terminate()
    server.process.wait()
    found: list[Diagnostic] = []
    assert moved(project, found) == ()
    assert [d.code for d in found] == ["not-looked-up"]


def test_comments_and_other_forms_of_the_spec_are_kept(
    tmp_path: Path, project: Project, server: RegistryServer
) -> None:
    locked(project)
    path = project.root / "bake.lock"
    path.write_text(path.read_text().replace("\n[image.", "\n# agreed with ops\n[image."))
    publish(tmp_path, server.host, "two")
    publish(tmp_path, server.host, "two", "2")
    locked(project, [])
    assert "\n# agreed with ops\n[image." in path.read_text()
    inline = f"dockerfile-inline=FROM {server.host}/base:2"
    assert [c.old for c in locked(project, sets=(f"other.{inline}",)).changes] == [""]
    assert len(locked(project).changes) == 1  # gone again


def test_a_workspace_has_one_lock(project: Project) -> None:
    project.write("part/bake.toml", (project.root / "bake.toml").read_text().partition("[target.above]")[0])
    project.write("part/a", "a")
    project.write("bake.toml", 'include = ["part/bake.toml"]\n')
    locked(project)
    member = project.options("app", locked=True)
    project.root = project.root / "part"
    assert member.directory != str(project.root)
    assert project.build("app", locked=True).errors == ()
    assert not (project.root / "bake.lock").exists()


def test_a_damaged_lock_stops_the_build_with_its_place(project: Project) -> None:
    project.write("bake.lock", "version = 1\n[image.x]\ndigest = 3\n")
    for work in (lambda: project.build("other"), lambda: locked(project), lambda: project.plan("other")):
        with pytest.raises(InputError) as raised:
            work()
        assert str(raised.value.diagnostics[0].span).endswith("bake.lock:3:10")


def test_a_git_context_is_pinned_to_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if "proxy" in name.lower()]:
        monkeypatch.delenv(name)
    (tmp_path / "served").mkdir()
    with daemon(tmp_path / "served") as url:
        repository = Repository(tmp_path / "served/a.git")
        first = repository.commit({"sub/Dockerfile": "FROM scratch\nCOPY f /\n", "sub/f": "1"})
        made = Project(tmp_path / "main")
        made.write("bake.toml", f'[target.app]\ncontext = "{url}/a.git#main:sub"\n')
        locked(made)
        assert f'[git."{url}/a.git#main"]\ncommit = "{first}"\n' in (made.root / "bake.lock").read_text()
        assert made.build("app", locked=True).errors == ()
        second = repository.commit({"sub/f": "2"})
        assert {step.status for step in made.build("app", locked=True).report.steps} == {"cached"}
        (found,) = moved(made)
        assert (found.locked, found.now, found.targets) == (first, second, ("app",))
        assert made.build("app", locked=True).report.steps[0].status == "cached"
        (change,) = locked(made, []).changes
        assert (change.old, change.new) == (first, second)
        assert made.build("app", locked=True).report.steps[0].status == "run"
    assert made.build("app").report.steps[0].status == "cached"  # the daemon has gone: nobody is asked
