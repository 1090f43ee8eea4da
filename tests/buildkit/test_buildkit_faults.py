"""What goes wrong around a build: a daemon killed in the middle, restarted, slow; steps that hang; a user who stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from buildkit_daemon import NEWER_IN_CONTAINERD, OLD, Daemon, Kind
from projects import reasons, statuses

from bake.events import DiagnosticFound, StepLog, StepProgress

BASE = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
SPEC = """
[target.app]
context = "."
network = "none"
output = [{ type = "oci", dest = "out.tar" }]
"""


def running(word: str) -> bool:
    """Whether a process of the steps has `word` among its arguments."""
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if word.encode() in words and b"sleep" in words[0]:
            return True
    return False


def wait_for(what: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def when(what: Callable[[], bool], action: Callable[[], None]) -> threading.Thread:
    def watch() -> None:
        wait_for(what)
        action()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


KINDS = pytest.mark.parametrize("kind", [OLD, NEWER_IN_CONTAINERD], ids=["old", "newer"])


@pytest.fixture
def kind() -> Kind:
    return OLD


@pytest.fixture
def own_daemon(kind: Kind) -> Any:
    with Daemon(kind=kind) as running_daemon:
        yield running_daemon


@KINDS
def test_killed_and_restarted_in_mid_build(project: Any, own_daemon: Daemon) -> None:
    project.builders = (own_daemon.address,)
    project.write("Dockerfile", f"{BASE}RUN sleep 3.0101; echo slept\n")
    project.write("bake.toml", SPEC)

    def restart() -> None:
        own_daemon.kill()
        own_daemon.start()

    thread = when(lambda: running("3.0101"), restart)
    result = project.build()
    thread.join()
    told = [e.diagnostic.code for e in project.events if isinstance(e, DiagnosticFound)]
    assert (result.errors, set(told)) == ((), {"trying-again"})
    assert [e.text for e in project.events if isinstance(e, StepLog)] == ["slept"]
    assert (project.root / "out.tar").exists()


def test_killed_for_good(project: Any, own_daemon: Daemon) -> None:
    project.builders = (own_daemon.address,)
    project.write("Dockerfile", f"{BASE}RUN sleep 5.0102\n")
    project.write("bake.toml", SPEC)
    thread = when(lambda: running("5.0102"), own_daemon.kill)
    result = project.build()
    thread.join()
    assert result.report.exit_code == 4
    assert [d.code for error in result.errors for d in error.diagnostics] in (["no-builder"], ["builder-lost"])
    assert set(statuses(result.report.steps).values()) <= {"run", "cancelled", "cached", "skipped"}
    assert not (project.root / "out.tar").exists()


def test_a_slow_daemon_is_waited_for(project: Any, own_daemon: Daemon) -> None:
    project.builders = (own_daemon.address,)
    project.write("Dockerfile", f"{BASE}RUN sleep 1.0103; echo done\n")
    project.write("bake.toml", SPEC)

    def pause() -> None:
        own_daemon.send(signal.SIGSTOP)
        time.sleep(2)
        own_daemon.send(signal.SIGCONT)

    thread = when(lambda: running("1.0103"), pause)
    result = project.build()
    thread.join()
    assert result.errors == ()


def test_another_builder_takes_over(project: Any, own_daemon: Daemon, daemon: Daemon) -> None:
    project.builders = (own_daemon.address, daemon.address)
    project.write("Dockerfile", f"{BASE}ARG N\nRUN echo begun; sleep 5.0104; echo $N\n")
    project.write(
        "bake.toml",
        "".join(f'[target.t{n}]\ncontext = "."\nnetwork = "none"\nargs.N = "{n}"\n' for n in range(4)),
    )
    # Not before all of them are told to be under way, the one on the builder that dies among them.
    thread = when(
        lambda: [e.text for e in project.events if isinstance(e, StepLog)].count("begun") == 4, own_daemon.kill
    )
    result = project.build("all")
    thread.join()
    assert result.errors == ()
    assert [t.status for t in result.report.targets.values()] == ["built"] * 4
    told = [e.diagnostic for e in project.events if isinstance(e, DiagnosticFound)]
    assert {d.code for d in told} == {"trying-again"} and all("on another builder" in d.message for d in told)
    again = [e.text for e in project.events if isinstance(e, StepProgress)]
    assert again and all("lost builder" in text and text.endswith("; it starts again") for text in again)


def test_an_absent_builder_is_left_out(project: Any, daemon: Daemon) -> None:
    project.builders = ("docker:///nowhere/docker.sock", daemon.address)
    project.write("Dockerfile", f"{BASE}ARG N\nRUN echo $N\n")
    rows = (f'[target.t{n}]\ncontext = "."\nnetwork = "none"\nargs.N = "{n}"\n' for n in range(4))
    project.write("bake.toml", "".join(rows))
    assert project.build("all").errors == ()


def test_a_step_that_takes_too_long(project: Any) -> None:
    project.write("Dockerfile", f"{BASE}RUN sleep 60.0105\n")
    project.write("bake.toml", SPEC + 'timeout = "500ms"\n')
    result = project.build()
    assert (result.report.exit_code, result.errors[0].diagnostics[0].code) == (1, "step-timeout")
    wait_for(lambda: not running("60.0105"), 2)


@pytest.mark.parametrize("which", ["daemon", "newer_daemon"])
def test_interrupt_ends_the_daemons_work(project: Any, which: str, request: pytest.FixtureRequest) -> None:
    daemon: Daemon = request.getfixturevalue(which)
    project.write("Dockerfile", f"{BASE}RUN sleep 60.0106\n")
    project.write("bake.toml", SPEC)
    command = [sys.executable, "-m", "bake", "build", "app", "--builder", daemon.address, "--progress", "plain"]
    environment = {**os.environ, "BAKE_STORE": str(project.store)}
    bake = subprocess.Popen(command, cwd=project.root, env=environment, stderr=subprocess.PIPE)
    try:
        wait_for(lambda: running("60.0106"), 40)
        bake.send_signal(signal.SIGINT)
        started = time.monotonic()
        wait_for(lambda: not running("60.0106"), 2)
        assert bake.wait(10) == 130
        assert time.monotonic() - started < 10
    finally:
        bake.kill()
        assert bake.stderr is not None
        bake.stderr.close()
        bake.wait()
    assert not (project.root / "out.tar").exists()


def test_a_failure_publishes_nothing(project: Any) -> None:
    project.write("Dockerfile", f"{BASE}ARG N\nRUN sleep 0.$N; exit $N\n")
    rows = (
        f'[target.t{n}]\ncontext = "."\nnetwork = "none"\nargs.N = "{n}"\n'
        f'output = [{{ type = "oci", dest = "out{n}.tar" }}]\n'
        for n in range(3)
    )
    project.write("bake.toml", "".join(rows))
    result = project.build("all", keep_going=True)
    assert result.report.exit_code == 1
    assert [t.status for t in result.report.targets.values()] == ["built", "failed", "failed"]
    assert list(project.root.glob("out*.tar")) == []
    assert reasons(result.report.steps)


def test_retries(project: Any) -> None:
    command = "if [ -e /cache/second ]; then echo at last; else touch /cache/second; exit 1; fi"
    project.write("Dockerfile", f"{BASE}RUN --mount=type=cache,target=/cache,id=t{time.time_ns()} {command}\n")
    project.write("bake.toml", SPEC + "retries = 1\n")
    result = project.build()
    assert result.errors == ()
    assert "at last" in [e.text for e in project.events if isinstance(e, StepLog)]


def test_a_session_that_is_lost(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream of the session ends while a step runs: a new session, and the same again."""
    from bake.engine.buildkit import session

    opened: list[session.Session] = []
    enter = session.Session.__aenter__

    async def noted(self: session.Session) -> session.Session:
        opened.append(self)
        return await enter(self)

    monkeypatch.setattr(session.Session, "__aenter__", noted)
    monkeypatch.setattr("bake.engine.buildkit.solve.WITHOUT_SESSION_S", 0.2)
    project.write("Dockerfile", f"{BASE}RUN sleep 2.0107; echo slept\n")
    project.write("bake.toml", SPEC)

    def lose() -> None:
        task = opened[0]._task
        assert task is not None
        task.get_loop().call_soon_threadsafe(task.cancel)

    thread = when(lambda: running("2.0107"), lose)
    result = project.build()
    thread.join()
    assert (result.errors, len(opened)) == ((), 2)
    assert [e.diagnostic.code for e in project.events if isinstance(e, DiagnosticFound)] == ["trying-again"]


@KINDS
def test_a_full_disk(project: Any, tmp_path: Path, kind: Kind) -> None:
    """The daemon's disk is full: the step that could not write says so, and nothing is published."""
    data = tmp_path / "small"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(data)], check=True)
    try:
        with Daemon(data / "docker", kind) as small:
            project.builders = (small.address,)
            project.write("Dockerfile", f"{BASE}RUN dd if=/dev/zero of=/big bs=1M count=60\n")
            project.write("bake.toml", SPEC)
            result = project.build()
            assert result.report.exit_code in (1, 4)
            said = " ".join(str(error) for error in result.errors)
            told = [e.text for e in project.events if isinstance(e, StepLog)]
            assert "No space left" in " ".join(told) or "full" in said, (said, told)
            assert not (project.root / "out.tar").exists()
    finally:
        subprocess.run(["umount", "-l", str(data)], check=True)


def test_a_connection_that_is_cut_again_and_again(project: Any, daemon: Daemon, tmp_path: Path) -> None:
    """A proxy that lets a few bytes through: bounded tries, then an error of the engine."""
    import socket

    place = tmp_path / "flaky.sock"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(place))
    server.listen()
    cut = 0

    def serve() -> None:
        nonlocal cut
        while True:
            try:
                here, _ = server.accept()
            except OSError:
                return
            there = socket.socket(socket.AF_UNIX)
            there.connect(str(daemon.socket))
            there.sendall(here.recv(65536))
            here.sendall(there.recv(200))
            cut += 1
            here.close()
            there.close()

    threading.Thread(target=serve, daemon=True).start()
    project.write("Dockerfile", f"{BASE}RUN echo {time.time_ns()}\n")
    project.write("bake.toml", SPEC)
    result = project.build(builders=(f"docker://{place}",))
    server.close()
    assert result.report.exit_code == 4
    assert [d.code for e in result.errors for d in e.diagnostics] in (["builder-lost"], ["no-builder"])
    assert cut < 20
