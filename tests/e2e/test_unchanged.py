"""What a later build does: nothing, or only what an edit asks for, as the plan said before."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from outliving import eventually, mounts, processes
from walkthrough import Walkthrough, statuses, step

Built = Any
SLOW = """
[target.slow]
dockerfile-inline = '''
FROM {registry}/busybox
RUN echo first > /first
RUN sleep 86397
'''
"""
SHARED = """
[target.{name}]
dockerfile-inline = '''
FROM {registry}/busybox
RUN date +%s%N > /shared-{salt}; sleep 1
RUN echo {name} > /{name}
'''
"""


@pytest.fixture
def walk(built: Built, tmp_path: Path) -> Walkthrough:
    """A copy of the sources on the store where all is built."""
    copied: Walkthrough = built.walk.copy(tmp_path / "top")
    return copied


@pytest.fixture
def known(walk: Walkthrough) -> Walkthrough:
    """The same after a build from there: what changed is told by what a project built last."""
    walk.run("build", "cache", "run", "main")
    return walk


def plan_and_build(walk: Walkthrough, *arguments: str) -> list[dict[str, Any]]:
    """The steps of a build that does exactly what the plan before it said."""
    planned = statuses(walk.json("plan", *arguments, "--json")["steps"])
    steps: list[dict[str, Any]] = walk.json("build", *arguments, "--json")["steps"]
    ran = statuses(steps)
    assert planned.keys() == ran.keys()
    foretold = {id_: status for id_, status in planned.items() if status != "unknown"}
    assert foretold == {id_: ran[id_] for id_ in foretold}
    assert all(ran[id_] in ("run", "cached") for id_ in ran)
    return steps


def test_nothing_to_do(walk: Walkthrough) -> None:
    """In another directory too: where sources lie is no part of a key."""
    assert {row["status"] for row in plan_and_build(walk, "all")} == {"cached"}


def test_touching_changes_nothing(walk: Walkthrough) -> None:
    for path in (walk.top / "examples").rglob("*"):
        if path.is_file() and "served" not in path.parts and path.name != "rootfs.tar":
            os.utime(path, (1_700_000_000, 1_700_000_000))
    assert {row["status"] for row in plan_and_build(walk, "all")} == {"cached"}


def test_an_edit_runs_what_reads_it_and_says_why(known: Walkthrough) -> None:
    with (known.top / "examples/cache/main.py").open("a") as file:
        file.write(f"# edited in {known.top}\n")
    steps = plan_and_build(known, "cache", "expose")
    assert step(steps, "cache", "RUN pip install")["status"] == "cached"
    copied = step(steps, "cache", "COPY main.py")
    assert copied["status"] == "run"
    assert copied["why"]["kind"] == "file"
    assert "main.py" in copied["why"]["detail"]
    assert {row["status"] for row in steps if row is not copied} == {"cached"}


def test_where_copy_comes_first_all_below_runs(known: Walkthrough) -> None:
    with (known.top / "examples/run-pip/main.py").open("a") as file:
        file.write(f"# edited in {known.top}\n")
    planned = known.json("plan", "run", "--json")["steps"]
    assert step(planned, "run", "COPY main.py")["why"]["kind"] == "file"
    assert step(planned, "run", "RUN pip install")["status"] == "unknown"


def test_a_changed_argument_runs_what_uses_it(known: Walkthrough) -> None:
    steps = known.json("plan", "main[fastapi=0.115]", "--set", "main-*.args.FASTAPI=0.114", "--json")["steps"]
    target = steps[-1]["targets"][0]
    assert step(steps, target, 'RUN pip install "uvicorn')["status"] == "cached"
    changed = step(steps, target, 'RUN pip install "fastapi')
    assert changed["status"] == "run"
    assert changed["why"]["kind"] == "arg"
    assert "FASTAPI" in changed["why"]["detail"]


def test_two_builds_at_once_share_steps(walk: Walkthrough) -> None:
    """One runs the shared step, the other waits and finds it; both say so."""
    registry = walk.environment["REGISTRY"]
    spec = walk.top / "bake.toml"
    salt = walk.top.parent.name
    spec.write_text(
        spec.read_text() + "".join(SHARED.format(name=name, registry=registry, salt=salt) for name in ("left", "right"))
    )
    running = [walk.start("build", name, "--json") for name in ("left", "right")]
    reports = [json.loads(process.communicate(timeout=60)[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    shared = [
        step(report["steps"], name, "date +%s%N") for report, name in zip(reports, ("left", "right"), strict=True)
    ]
    assert sorted(row["status"] for row in shared) == ["cached", "run"]
    times = {walk.run("run", name, "--", "cat", f"/shared-{salt}").stdout for name in ("left", "right")}
    assert len(times) == 1


def test_interrupt_leaves_nothing(walk: Walkthrough) -> None:
    """Ctrl-C in a step: exit 130, no process, mount or temporary entry; what was done before stays done."""
    spec = walk.top / "bake.toml"
    spec.write_text(spec.read_text() + SLOW.format(registry=walk.environment["REGISTRY"]))
    process = walk.start("build", "slow", "--json", "--progress", "quiet")
    assert eventually(lambda: any("sleep 86397" in line and "bake" not in line for line in processes("sleep 86397")))
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    report = json.loads(out)
    assert report["outcome"] == "cancelled"
    assert step(report["steps"], "slow", "sleep")["status"] == "cancelled"
    assert eventually(lambda: not processes("sleep 86397"))
    assert eventually(lambda: not mounts(walk.store))
    assert eventually(lambda: not any((walk.store / "tmp").iterdir()))
    planned = walk.json("plan", "slow", "--json")["steps"]
    assert step(planned, "slow", "echo first")["status"] == "cached"
