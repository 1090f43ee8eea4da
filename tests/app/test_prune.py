"""`bake cache prune` and the limits of the settings, on real builds."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import anyio
import pytest
from git_server import Repository, daemon
from projects import Project, reasons

from bake.app.explaining import explain
from bake.app.pruning import Pruned, prune
from bake.events import StepReport
from bake.store import open_store
from bake.store.prune import Limits

NONE = Limits()
SPEC = """
[target.app]
dockerfile-inline = '''
FROM scratch AS made
COPY busybox /bin/busybox
COPY a /a
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox cat /a > /b"]
FROM scratch
COPY --from=made /b /b
'''
[target.cached]
dockerfile-inline = '''
FROM scratch
COPY busybox /bin/busybox
RUN --mount=type=cache,target=/c ["/bin/busybox", "dd", "if=/dev/zero", "of=/c/x", "bs=1000", "count=100"]
'''
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.add_busybox()
    made.write("bake.toml", SPEC)
    made.write("a", "1")
    return made


def pruned(project: Project, limits: Limits = NONE, *, everything: bool = False, dry: bool = False) -> Pruned:
    waited: list[str] = []

    async def work() -> Pruned:
        waiting = lambda: waited.append("")  # noqa: E731
        return await prune(project.options(), limits, everything=everything, dry=dry, waiting=waiting)

    found = anyio.run(work)
    assert waited == []
    return found


def ran(steps: tuple[StepReport, ...]) -> list[str]:
    return [step.instruction for step in steps if step.status == "run"]


def verified(project: Project) -> None:
    store = open_store(project.store)
    assert store.verify(deep=True) == []
    store.close()


def test_the_last_run_of_each_target_stays(project: Project) -> None:
    for text in "123":
        project.write("a", text)
        project.build("all")
    assert {item.kind for item in pruned(project, dry=True).items} == {"layer", "cache"}
    found = pruned(project)
    # Of two older runs: COPY a, RUN, COPY --from; and the cache mount.
    assert sorted(item.kind for item in found.items) == ["cache", *["layer"] * 6]
    verified(project)
    assert ran(project.build("all").report.steps) == []
    assert pruned(project).items == ()

    project.write("a", "1")
    steps = project.plan("app")
    assert {kind for kind, _ in reasons(steps).values()} == {"evicted"}
    assert project.build("app").errors == ()
    (told,) = explain(project.options(), ("app:made.2",))
    assert told.steps[0].why is not None and told.steps[0].why.kind == "evicted"
    verified(project)


def test_all_takes_that_too_and_everything_can_be_built_again(project: Project) -> None:
    project.build("all")
    first = {name: target.status for name, target in project.build("all").report.targets.items()}
    assert set(first.values()) == {"unchanged"}
    pruned(project, everything=True)
    store = open_store(project.store)
    assert [row for row in store.usage() if row.kind in ("layer", "cache", "blob")] == []
    store.close()
    steps = project.plan("all")
    known = [step for step in steps if step.status != "unknown"]
    assert known and {step.why.kind for step in known if step.why} == {"evicted"}
    result = project.build("all")
    assert result.errors == () and len(ran(result.report.steps)) == len(steps)


def test_a_target_of_a_directory_that_is_gone_needs_nothing(project: Project) -> None:
    project.build("app")
    project.root.rename(project.root.with_name("moved"))
    project.root = project.root.with_name("moved")
    assert len([item for item in pruned(project).items if item.kind == "layer"]) == 4


def test_limits_of_the_settings_hold_after_a_run_that_did_something(project: Project) -> None:
    def build(text: str, limit: str) -> None:
        project.write("a", text)
        options = project.options("all")
        environment = {**options.environment, "BAKE_STORE_MAX_SIZE": limit}
        project.options = lambda *names, **more: type(options)(  # type: ignore[method-assign]
            names=names, directory=str(project.root), environment=environment, **more
        )
        assert project.build("all").errors == ()

    def layers() -> int:
        store = open_store(project.store)
        found = len([row for row in store.usage() if row.kind == "layer"])
        store.close()
        return found

    build("1", "0")
    needed = layers()
    build("2", "0")
    assert layers() == needed + 3
    build("2", "1")  # nothing to do: nothing is looked at
    assert layers() == needed + 3
    build("3", "1")
    assert layers() == needed
    build("3", "1")
    verified(project)


def test_builds_and_prunes_at_once(project: Project) -> None:
    """Each waits for the other where it must; all builds succeed and none runs what the one before it left."""
    done: list[str] = []

    def prunes() -> None:
        while len(done) < 6:
            anyio.run(lambda: prune(project.options(), Limits(), everything=False, dry=False, waiting=lambda: None))

    thread = threading.Thread(target=prunes)
    thread.start()
    try:
        for number in range(6):
            project.write("a", f"{number}")
            result = project.build("all")
            assert result.errors == ()
            again = project.build("all")
            assert (again.errors, ran(again.report.steps)) == ((), [])
            done.append("")
    finally:
        done += [""] * 6
        thread.join()
    verified(project)


def test_a_prune_waits_for_who_has_the_store_open(project: Project) -> None:
    project.build("app")
    told: list[str] = []
    other = open_store(project.store)

    async def work() -> Pruned:
        return await prune(project.options(), Limits(), everything=True, dry=False, waiting=lambda: told.append(""))

    async def main() -> list[Pruned]:
        found: list[Pruned] = []

        async def one() -> None:
            found.append(await work())

        async with anyio.create_task_group() as group:
            group.start_soon(one)
            while not told:
                await anyio.sleep(0.01)
            assert found == []
            other.close()
        return found

    (found,) = anyio.run(main)
    assert len(found.items) >= 4


def test_of_a_git_source_the_last_checkout_stays(
    tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if "proxy" in name.lower()]:
        monkeypatch.delenv(name)
    (tmp_path / "served").mkdir()
    with daemon(tmp_path / "served") as url:
        repository = Repository(tmp_path / "served/a.git")
        project.write("bake.toml", f'[target.app]\ncontext = "{url}/a.git#main"\n')
        for text in "12":
            repository.commit({"Dockerfile": "FROM scratch\nCOPY f /\n", "f": text})
            assert project.build("app").errors == ()
    assert [item.kind for item in pruned(project).items].count("git") == 1
    assert ran(project.build("app").report.steps) == []  # nobody answers any more, and nobody need
    assert [item.kind for item in pruned(project, everything=True).items].count("git") == 1
    assert list((project.store / "git").iterdir()) == []
    verified(project)
