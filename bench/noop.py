"""How long a build with nothing to do takes: many targets, six steps each, one shared context.

    .venv/bin/python bench/noop.py [--targets 100] [--runs 9]

Builds all once in a store of its own, then times the same command again, as a user does: a new process each time.
Where another builder is installed and runs here, the same work is given to it, in turns, and the ratio is printed.
"""

from __future__ import annotations

import argparse
import compileall
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from peers import PEERS, Peer

DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY source/ /srv/source/
ARG NAME
RUN echo "$NAME" >/name
COPY assets/ /srv/assets/
RUN echo done >/done
"""
STEPS = 6
FILES = {"source": 1_000, "assets": 100}


def make_project(directory: Path, targets: int) -> list[str]:
    """Writes context, Dockerfile and bake.toml; returns the names of the targets."""
    context = directory / "context"
    for name, count in FILES.items():
        for number in range(count):
            path = context / name / f"part{number % 20}" / f"file{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name} {number}\n" * 40)
    busybox = shutil.which("busybox")
    if busybox is None:
        sys.exit("'busybox' is not installed (Debian: busybox-static)")
    shutil.copy(busybox, context / "busybox")
    (context / "Dockerfile").write_text(DOCKERFILE)
    names = [f"app{number:03}" for number in range(targets)]
    lines = ["[defaults]", 'context = "context"']
    for name in names:
        lines += [f"[target.{name}]", f'args = {{ NAME = "{name}" }}', f'tags = ["localhost/bench/{name}"]']
    (directory / "bake.toml").write_text("\n".join(lines) + "\n")
    return names


def compile_as_installed() -> None:
    """Writes bake's bytecode, as pip does when it installs it.

    Else each run of a checkout compiles it again where PYTHONDONTWRITEBYTECODE is set, which costs 0.3 s.
    """
    compileall.compile_dir(Path(__file__).parents[1] / "bake", quiet=1)


class Failed(Exception):
    """A builder did not build."""


def seconds(argv: Sequence[str], directory: Path, environment: dict[str, str]) -> float:
    """Wall time of one run. Raises Failed."""
    start = time.perf_counter()
    ran = subprocess.run(argv, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - start
    if ran.returncode != 0:
        raise Failed(f"ended with {ran.returncode}: {ran.stderr[-1000:]}")
    return taken


@contextmanager
def ending_in_words() -> Iterator[None]:
    try:
        yield
    except Failed as failed:
        sys.exit(f"bake {failed}")


def import_seconds(directory: Path, environment: dict[str, str]) -> float:
    """Time spent in imports by one run, as the interpreter itself counts it."""
    argv = [sys.executable, "-X", "importtime", *BAKE[1:]]
    ran = subprocess.run(argv, cwd=directory, env=environment, capture_output=True, text=True, check=True)
    own = re.findall(r"^import time: +(\d+) \|", ran.stderr, re.MULTILINE)
    return sum(map(int, own)) / 1e6


BAKE = (sys.executable, "-m", "bake", "build", "all", "--progress", "quiet")


def spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f} s   (median of {len(values)}; {min(values):.3f} to {max(values):.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--targets", type=int, default=100)
    parser.add_argument("--runs", type=int, default=9)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bake-bench-") as name, ending_in_words():
        directory = Path(name)
        environment = {**os.environ, "BAKE_STORE": str(directory / "store")}
        names = make_project(directory, asked.targets)
        compile_as_installed()
        print(f"{len(names)} targets of {STEPS} steps, {sum(FILES.values())} files in one context")
        print(f"first build       {seconds(BAKE, directory, environment):.1f} s")
        compare(directory, environment, names, asked.runs)


def compare(directory: Path, environment: dict[str, str], names: Sequence[str], runs: int) -> None:
    """Times bake, and the first peer that runs here, in turns."""
    peer, refusals = find_peer(directory, environment, names)
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(seconds(BAKE, directory, environment))
        if peer is not None:
            theirs.append(seconds(peer.command(directory), directory, environment))
    imports = import_seconds(directory, environment)
    print(f"nothing to do     {spread(ours)}")
    print(f"  of it imports   {imports:.3f} s   ({imports / statistics.median(ours):.0%})")
    for refusal in refusals:
        print(f"no comparison     {refusal}")
    if peer is not None:
        print(f"{peer.name:<17} {spread(theirs)}")
        print(f"ratio             {statistics.median(theirs) / statistics.median(ours):.1f}")


def find_peer(directory: Path, environment: dict[str, str], names: Sequence[str]) -> tuple[Peer | None, list[str]]:
    """The first other builder that builds this here, with its cache filled; and why the ones before it do not."""
    refusals = []
    for peer in PEERS:
        problem = peer.problem()
        if problem:
            refusals.append(f"{peer.name}: {problem}")
            continue
        peer.prepare(directory, names)
        try:
            first = seconds(peer.command(directory), directory, environment)
        except Failed as failed:
            refusals.append(f"{peer.name}: {failed}")
            continue
        print(f"first build       {first:.1f} s with {peer.name}")
        return peer, refusals
    return None, refusals


if __name__ == "__main__":
    main()
