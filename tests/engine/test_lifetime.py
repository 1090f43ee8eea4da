"""Nothing outlives a step or bake: not a process, not a mount, not a file; killed, cancelled or closed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from building import Builder
from outliving import eventually, mounts, processes

from bake.errors import HostError
from bake.plan.step import CacheMount
from bake.plan.tree import StateId

SCRIPT = Path(__file__).parents[1] / "support" / "engine_script.py"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another bake process with an engine that is up."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdin and process.stdout
    assert "tier" in json.loads(process.stdout.readline())
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def ask(process: subprocess.Popen[str], **request: object) -> None:
    assert process.stdin
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()


def test_killed_bake_leaves_nothing_running(other: subprocess.Popen[str], tmp_path: Path) -> None:
    marker = f"31{os.getpid()}"
    ask(other, run=f"trap '' TERM INT HUP; (setsid sleep {marker} &) ; sleep {marker}")
    assert eventually(lambda: len(processes(f"sleep {marker}")) >= 2)
    assert mounts(tmp_path)
    other.send_signal(signal.SIGKILL)
    assert eventually(lambda: not processes(f"sleep {marker}") and not mounts(tmp_path))
    assert not processes(str(tmp_path))


def test_interrupt_reaches_everybody_and_all_is_tidied(other: subprocess.Popen[str], tmp_path: Path) -> None:
    """Ctrl-C goes to the whole foreground group: to bake, to its helper and to what that started."""
    marker = f"34{os.getpid()}"
    ask(other, run=f"trap '' INT; sleep {marker}")
    assert eventually(lambda: bool(processes(f"sleep {marker}")))
    os.killpg(other.pid, signal.SIGINT)
    assert other.wait(30) != 0
    assert not processes(f"sleep {marker}")
    assert not processes(str(tmp_path))
    assert mounts(tmp_path) == []
    assert list((tmp_path / "store/tmp").glob("*/*")) == []


def test_a_killed_helper_is_an_error_not_a_hang(other: subprocess.Popen[str], tmp_path: Path) -> None:
    ask(other, run="sleep 300")
    assert eventually(lambda: bool(mounts(tmp_path)))
    found = [entry for entry in Path("/proc").glob("[0-9]*") if _is_helper(_cmdline(entry), tmp_path)]
    os.kill(min(int(entry.name) for entry in found), signal.SIGKILL)  # a later one is about to become something else
    assert other.stdout
    assert "helper process is gone" in json.loads(other.stdout.readline())["error"]
    assert eventually(lambda: not mounts(tmp_path))


def _is_helper(line: bytes, directory: Path) -> bool:
    return b"bake.host" in line and str(directory).encode() in line and b"unshare" not in line


def _cmdline(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.anyio
async def test_cancelling_a_step_ends_all_of_it(build: Builder, tmp_path: Path) -> None:
    base = await build.busybox(tmp_path / "busybox")
    marker = f"32{os.getpid()}"
    tasks = build.store.root / "tmp"
    before = set(tasks.glob("*/*"))
    command = f"trap '' TERM; (setsid sleep {marker} &); echo up; sleep {marker}"
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(build.run, base, command)
            while build.output() != ["up"]:
                await anyio.sleep(0.02)
            scope.cancel()
    assert processes(f"sleep {marker}") == []
    assert set(tasks.glob("*/*")) == before
    own = [line for line in mounts(tmp_path) if "overlay" in line]
    assert own == []
    layer = await build.run(base, "echo still usable")
    assert build.output() == ["still usable"]
    assert layer


@pytest.mark.anyio
async def test_cancelling_while_waiting_for_a_cache(build: Builder, tmp_path: Path) -> None:
    base = await build.busybox(tmp_path / "busybox")
    locked = (CacheMount("/c", "x", sharing="locked"),)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: build.engine.run(_exec(base, "sleep 300", locked), build.say))
        with anyio.move_on_after(60):
            while True:
                with anyio.move_on_after(1):
                    await build.engine.run(_exec(base, "true", locked), build.say)
                if ("progress", "waiting for cache x") in build.lines:
                    break
        assert ("progress", "waiting for cache x") in build.lines
        group.cancel_scope.cancel()
    await build.run(base, "echo free", mounts=locked)
    assert build.output() == ["free"]


def _exec(base: StateId, command: str, mounts: tuple[CacheMount, ...]):  # type: ignore[no-untyped-def]
    from bake.plan.step import ExecOp, make_step
    from bake.ports.task import StateInput, Task

    return Task(make_step(ExecOp(("/bin/sh", "-c", command), mounts=mounts)), (StateInput(base),))


@pytest.mark.anyio
async def test_closing_ends_the_helper(build: Builder, tmp_path: Path) -> None:
    base = await build.busybox(tmp_path / "busybox")
    assert processes("bake.host")
    await build.engine.close()
    assert [line for line in processes("bake.host") if str(tmp_path) in line] == []
    assert mounts(tmp_path) == []
    assert await build.run(base, "true")  # it starts again when there is something to do
    await build.engine.close()


@pytest.mark.anyio
async def test_a_dead_helper_is_told_and_replaced(build: Builder, tmp_path: Path) -> None:
    base = await build.busybox(tmp_path / "busybox")
    helper = build.engine._helper
    assert helper is not None
    helper._process.kill()
    with pytest.raises(HostError, match="helper process is gone"):
        await build.run(base, "true")
