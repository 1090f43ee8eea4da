"""The BuildKit engine against the floor: what the same daemon takes for the same solves without bake around them.

Starts a private dockerd (root). `python bench/buildkit.py [KIND]` prints one table; ratios count, seconds depend on the
host. KIND is old (20.10, the default), newer (26.1) or containerd (that one with its images in containerd).
"""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

import anyio
from buildkit_daemon import NEWER, NEWER_IN_CONTAINERD, OLD, Daemon
from projects import Project

from bake.cli import _ALLOCATIONS
from bake.engine.buildkit.address import parse_address
from bake.engine.buildkit.client import CONTROL, Builder
from bake.engine.buildkit.services.filesync import FileSync
from bake.engine.buildkit.session import Session
from bake.engine.buildkit.site import Site
from bake.engine.buildkit.solve import Solve
from bake.engine.buildkit.wire.messages import MESSAGES
from bake.gather import scan

KINDS = {"old": OLD, "newer": NEWER, "containerd": NEWER_IN_CONTAINERD}
TARGETS = 100
ROUNDS = 21
FILES = 5_000
DOCKERFILE = """FROM scratch
COPY busybox /bin/busybox
ARG N
RUN ["/bin/busybox", "mkdir", "-p", "/a"]
RUN ["/bin/busybox", "sh", "-c", "echo $N > /a/1"]
RUN ["/bin/busybox", "sh", "-c", "echo $N > /a/2"]
RUN ["/bin/busybox", "sh", "-c", "echo $N > /a/3"]
RUN ["/bin/busybox", "sh", "-c", "echo $N > /a/4"]
"""


class Bench:
    """One daemon, one project; `definitions` are those that bake has sent last."""

    def __init__(self, directory: Path, daemon: Daemon) -> None:
        self.project = Project(directory)
        self.daemon = daemon
        self.definitions: list[bytes] = []
        self.solves = 0
        self.sites: list[Site] = []

    def write(self) -> None:
        self.project.add_busybox()
        self.project.write("Dockerfile", DOCKERFILE)
        rows = (f'[target.t{n}]\ncontext = "."\nnetwork = "none"\nargs.N = "{n}"\n' for n in range(TARGETS))
        self.project.write("bake.toml", "".join(rows))

    def build(self, *names: str, **more: Any) -> None:
        result = self.project.build(*names, engine="buildkit", builders=(self.daemon.address,), **more)
        assert result.errors == (), result.errors

    def fresh(self) -> None:
        """Nothing is known any more on our side, but that the client has started, and has met the daemon."""
        shutil.rmtree(self.project.store)
        self.build("t0")

    async def floor(self) -> float:
        """Seconds of the same definitions, all at once on one connection, each with its status stream."""
        builder = Builder(parse_address(self.daemon.address, {}))
        await builder.about()
        async with Session(builder, self.sites[-1].methods(), self.sites[-1].shared_key) as session:
            for _ in range(2):  # the second time counts: the files are there
                started = time.perf_counter()
                await asyncio.gather(*(self._one(builder, session.id, one) for one in self.definitions))
                seconds = time.perf_counter() - started
        builder.close()
        return seconds

    async def _one(self, builder: Builder, session: str, definition: bytes) -> None:
        ref = uuid4().hex
        status = asyncio.create_task(_drain(builder, ref))
        request = MESSAGES.SolveRequest(ref=ref, definition=definition, session=session, internal=True)
        await builder.call(CONTROL + "Solve", request, MESSAGES.SolveResponse)
        await status


async def _drain(builder: Builder, ref: str) -> None:
    async with builder.stream(CONTROL + "Status", MESSAGES.StatusRequest, MESSAGES.StatusResponse) as stream:
        await stream.send_message(MESSAGES.StatusRequest(ref=ref), end=True)
        while await stream.recv_message() is not None:
            pass


def timed(work: Callable[[], None]) -> float:
    """Seconds. What earlier work has left counts for nothing, as in a process of its own."""
    gc.collect()
    gc.freeze()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def watch_solves(bench: Bench) -> None:
    """Notes what is sent."""
    original = Solve.__init__

    def init(self: Solve, builder: Any, ref: str, wish: Any, tell: Any, step_of: Any) -> None:
        bench.definitions.append(wish.definition)
        bench.solves += 1
        original(self, builder, ref, wish, tell, step_of)

    Solve.__init__ = init  # type: ignore[method-assign]
    noted = Site.__post_init__

    def post_init(self: Site) -> None:
        noted(self)
        bench.sites.append(self)

    Site.__post_init__ = post_init  # type: ignore[method-assign]


def many_targets(bench: Bench) -> list[tuple[str, float, str]]:
    bench.write()
    cold = timed(lambda: bench.build("all"))
    rounds = []
    for number in range(ROUNDS):
        before = anyio.run(bench.floor) if number % 2 else 0.0  # neither always has the quieter half of a round
        bench.fresh()
        bench.definitions.clear()
        cached = timed(lambda: bench.build("all"))
        floor = before or anyio.run(bench.floor)
        bench.solves = 0
        nothing = timed(lambda: bench.build("all"))
        rounds.append((cached, floor, nothing))
    solves = bench.solves
    cached, floor, nothing = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratios = [(one - start) / alone for one, alone, start in rounds]
    return [
        (f"{TARGETS} targets x 6 steps, nothing cached anywhere", cold, ""),
        ("floor: their solves alone, all cached on the daemon", floor, "1.0"),
        (
            "bake, all cached on the daemon",
            cached,
            f"{statistics.median(ratios):.1f} x the floor, start apart ({min(ratios):.1f} to {max(ratios):.1f})",
        ),
        ("bake, nothing changed", nothing, f"{solves} solves"),
    ]


def many_files(directory: Path, daemon: Daemon) -> list[tuple[str, float, str]]:
    """A context of 5,000 files: all of it, then with one file changed."""
    bench = Bench(directory, daemon)
    watch_solves(bench)
    for number in range(FILES):
        path = bench.project.root / f"src/d{number % 50}/f{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(2000))
    bench.project.write("Dockerfile", "FROM scratch\nCOPY src /src\n")
    bench.project.write("bake.toml", '[target.app]\ncontext = "."\n')
    rows = []
    for name, change in (("first", ""), ("one file changed", "src/d1/f1"), ("nothing changed", "")):
        if change:
            (bench.project.root / change).write_text("changed")
        read: list[str] = []
        with counted(read):
            seconds = timed(lambda: bench.build("app"))
        sync = bench.sites[-1].sync
        bench.sites[-1].sync = FileSync()
        note = f"{sync.sent_files} files, {sync.sent_bytes} bytes sent; {len(read)} files hashed"
        rows.append((f"context of {FILES} files: {name}", seconds, note))
    return rows


@contextmanager
def counted(read: list[str]) -> Iterator[None]:
    """Notes the files that are hashed for keys."""
    original = scan._hash

    def noted(path: str) -> str:
        read.append(path)
        return original(path)

    scan._hash = noted
    try:
        yield
    finally:
        scan._hash = original


def main(kind: str = "old") -> None:
    gc.set_threshold(_ALLOCATIONS)
    directory = Path(tempfile.mkdtemp(prefix="bake-bench-"))
    try:
        with Daemon(kind=KINDS[kind]) as daemon:
            bench = Bench(directory, daemon)
            watch_solves(bench)
            rows = many_targets(bench) + many_files(directory / "files", daemon)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    for name, seconds, note in rows:
        print(f"{name:60} {seconds:8.2f} s  {note}")


if __name__ == "__main__":
    main(*sys.argv[1:])
