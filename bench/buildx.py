"""bake against `docker buildx bake`, the same images from the same context: what a user waits for.

    .venv/bin/python bench/buildx.py [--targets 100] [--runs 5] [--suite trixie]     (root)

Starts a Docker Engine of Debian 13 (or of the suite named) in a root of its own, which mmdebstrap makes once. bake runs
with its own engine, and again with that Docker Engine as its builder. Each row is a command as a user gives it, in
turns, a new process each time; ratios count, seconds depend on the host.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from buildkit_daemon import DOCKER, Daemon, Kind
from debian_root import debian_root, inside
from noop import FILES, STEPS, Failed, compile_as_installed, ending_in_words, make_project

_REST_S = 2.0
"""Seconds between two runs: the daemon goes on writing its history when `docker buildx` has ended, which is not for
the next one to wait for."""


@dataclass(frozen=True)
class Contestant:
    """`command` builds all targets of the project in the working directory."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]

    def seconds(self, directory: Path) -> float:
        """Wall time of one run. Raises Failed."""
        start = time.perf_counter()
        ran = subprocess.run(
            self.command, cwd=directory, env=self.environment, capture_output=True, text=True, check=False
        )
        taken = time.perf_counter() - start
        if ran.returncode:
            raise Failed(f"{self.name} ended with {ran.returncode}: {ran.stderr[-1000:]}")
        return taken


def contestants(directory: Path, root: Path, daemon: Daemon) -> list[Contestant]:
    bake = [sys.executable, "-m", "bake", "build", "all", "--progress", "quiet"]
    own = {**os.environ, "BAKE_STORE": str(directory / "store")}
    remote = {**os.environ, "BAKE_STORE": str(directory / "remote-store")}
    peer = ["docker", "-H", f"unix://{daemon.socket}", "buildx", "bake", "--file", "docker-bake.json"]
    home = {**os.environ, "HOME": str(directory / "home")}
    at = ["sh", "-c", 'cd "$0" && exec "$@"', str(directory)]
    return [
        Contestant("docker buildx bake", [*inside(root), *at, *peer, "--progress", "quiet"], home),
        Contestant("bake, own engine", bake, own),
        Contestant("bake, on the Docker Engine", [*bake, "--builder", daemon.address], remote),
    ]


def write_for_the_peer(directory: Path, names: Sequence[str]) -> None:
    one = {"context": "context", "output": ["type=cacheonly"]}
    targets = {name: {**one, "args": {"NAME": name}} for name in names}
    document = {"group": {"default": {"targets": list(names)}}, "target": targets}
    (directory / "docker-bake.json").write_text(json.dumps(document))


def change_a_file(directory: Path, run: int) -> None:
    (directory / "context/assets/part0/file0.txt").write_text(f"changed {run}\n")


def touch_all(directory: Path, run: int) -> None:
    for path in (directory / "context").rglob("*.txt"):
        os.utime(path, (run + 1, run + 1))


def change_nothing(_directory: Path, _run: int) -> None:
    return


ROWS: tuple[tuple[str, Callable[[Path, int], None]], ...] = (
    ("nothing to do", change_nothing),
    ("a fresh checkout: new times, the same bytes", touch_all),
    ("one file changed, two steps of each target", change_a_file),
)


def measure(directory: Path, taking_part: Sequence[Contestant], runs: int) -> None:
    first: dict[str, list[float]] = {}
    for each in taking_part:
        time.sleep(_REST_S)
        first[each.name] = [each.seconds(directory)]
    show("first build", first)
    for name, change in ROWS:
        taken: dict[str, list[float]] = {each.name: [] for each in taking_part}
        for run in range(runs):
            for each in taking_part:
                time.sleep(_REST_S)
                change(directory, run * len(taking_part) + taking_part.index(each))
                taken[each.name].append(each.seconds(directory))
        show(name, taken)


def show(row: str, taken: dict[str, list[float]]) -> None:
    medians = {name: statistics.median(values) for name, values in taken.items()}
    peer = next(iter(medians.values()))
    print(row)
    for name, median in medians.items():
        spread = f"({min(taken[name]):.2f} to {max(taken[name]):.2f})" if len(taken[name]) > 1 else ""
        print(f"  {name:<28} {median:7.2f} s  {peer / median:5.1f} x  {spread}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--targets", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--suite", default="trixie")
    asked = parser.parse_args()
    root = debian_root(asked.suite, DOCKER)
    kind = Kind(lambda: [*inside(root), "dockerd", "--ip6tables=false"])
    with tempfile.TemporaryDirectory(prefix="bake-bench-") as name, ending_in_words(), Daemon(kind=kind) as daemon:
        directory = Path(name)
        names = make_project(directory, asked.targets)
        dockerfile = directory / "context/Dockerfile"  # the daemon has no network to give
        dockerfile.write_text(dockerfile.read_text().replace("RUN ", "RUN --network=none "))
        write_for_the_peer(directory, names)
        compile_as_installed()
        print(f"{len(names)} targets of {STEPS} steps, {sum(FILES.values())} files in one context")
        version = subprocess.run(
            [*inside(root), "docker", "buildx", "version"], capture_output=True, text=True, check=True
        ).stdout
        print(f"the peer: {version.strip()}")
        measure(directory, contestants(directory, root, daemon), asked.runs)
        shutil.rmtree(directory / "home", ignore_errors=True)


if __name__ == "__main__":
    main()
