"""How long bake takes to load and resolve many targets, in how much memory, and how both grow.

    .venv/bin/python bench/resolve.py [--runs 3]

Two forms of 10,000 targets: a matrix of 100 × 100, and 10,000 written out. Each measurement is a process of its own,
which runs `bake print all`: all of it but the interpreter's start and the imports. The growth
exponent is the slope of log(seconds) over log(targets) for 1,000, 2,000, 4,000 and 8,000: 1 is linear.

Then 1,000 targets in one file against the same in 300 included files, both read for the first time and again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

SIZES = (1_000, 2_000, 4_000, 8_000)
FULL = 10_000
WORK = """\
import io, json, os, resource, sys, time
from bake.cli import main
said, sys.stdout = sys.stdout, io.StringIO()
os.chdir(sys.argv[2])
main(["print", "all"])
os.chdir(sys.argv[1])
sys.stdout = io.StringIO()
before = resource.getrusage(resource.RUSAGE_SELF)
start = time.perf_counter()
code = main(["print", "all"])
seconds, sys.stdout, said = time.perf_counter() - start, said, sys.stdout
usage = resource.getrusage(resource.RUSAGE_SELF)
used = usage.ru_utime + usage.ru_stime - before.ru_utime - before.ru_stime
targets = said.getvalue().count('"context": ')
print(json.dumps({"targets": targets, "s": seconds, "cpu": used, "mb": usage.ru_maxrss / 1000}))
sys.exit(code)
"""
"""`bake print all`, after one of a small spec has imported everything. Growth is reckoned from `cpu` (seconds), which
other work on this machine changes little."""


def matrix(targets: int) -> str:
    """One target whose matrix has about `targets` combinations, in two axes of about the same length."""
    first = round(math.sqrt(targets))
    axes = [", ".join(f'"{name}{i}"' for i in range(n)) for name, n in (("a", first), ("b", targets // first))]
    return f"""\
[variable]
REGISTRY = "localhost:5000"
[target.app]
matrix.x = [{axes[0]}]
matrix.y = [{axes[1]}]
context = "app"
args = {{ X = "${{x}}", Y = "${{y | upper}}" }}
labels = {{ "org.opencontainers.image.title" = "${{target.name}}" }}
tags = ["${{REGISTRY}}/app:${{x}}-${{y}}"]
"""


def written(targets: int) -> str:
    """As many targets, one after the other."""
    return '[variable]\nREGISTRY = "localhost:5000"\n[target._base]\nargs = { MODE = "release" }\n' + "".join(
        f"""\
[target.app{number}]
inherits = ["_base"]
context = "services/app{number}"
args = {{ NUMBER = "{number}" }}
labels = {{ "org.opencontainers.image.title" = "${{target.name}}" }}
tags = ["${{REGISTRY}}/app{number}:1.0"]
"""
        for number in range(targets)
    )


FORMS: dict[str, Callable[[int], str]] = {"matrix": matrix, "written out": written}


def measure(directory: Path, runs: int, home: Path) -> dict[str, float]:
    """The median of several runs; `home` keeps what one run leaves to the next."""
    small = home / "small"
    small.mkdir(parents=True, exist_ok=True)
    (small / "bake.toml").write_text(written(2))
    rows = []
    environment = {**os.environ, "XDG_CACHE_HOME": str(home)}
    for _ in range(runs):
        argv = [sys.executable, "-c", WORK, str(directory), str(small)]
        ran = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
        rows.append(json.loads(ran.stdout))
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The slope of a straight line through the logarithms (least squares)."""
    xs, ys = ([math.log(value) for value in column] for column in zip(*points, strict=True))
    x, y = statistics.fmean(xs), statistics.fmean(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def forms(root: Path, runs: int) -> None:
    for name, make in FORMS.items():
        points = []
        for targets in (*SIZES, FULL):
            directory = root / f"{name}{targets}"
            directory.mkdir()
            (directory / "bake.toml").write_text(make(targets))
            first = measure(directory, 1, directory / "cache")
            row = measure(directory, runs, directory / "cache")
            times, most = f"{first['s']:.2f} s, again {row['s']:.2f} s", max(first["mb"], row["mb"])
            print(f"{name:<12} {row['targets']:>6.0f} targets   {times}   {most:.0f} MB")
            points.append((row["targets"], row["cpu"]))
        print(f"{name:<12} growth exponent {exponent(points[:-1]):.2f}")


def many_files(root: Path, runs: int) -> None:
    """1,000 targets in one file and in 300."""
    one, many = root / "one", root / "many"
    one.mkdir()
    (one / "bake.toml").write_text(written(1_000))
    rows = written(1_000).split("[target.app")
    for number in range(300):
        member = many / f"services/s{number:03}"
        member.mkdir(parents=True)
        own = "".join(f"[target.app{row}" for row in rows[1:][number::300])
        (member / "bake.toml").write_text('[target._base]\nargs = { MODE = "release" }\n' + own)
    (many / "bake.toml").write_text('include = ["services/*/bake.toml"]\n[variable]\nREGISTRY = "localhost:5000"\n')
    times = {}
    for name, directory in (("one file", one), ("300 files", many)):
        first = [measure(directory, 1, directory / f"cache{run}")["cpu"] for run in range(runs)]
        again = measure(directory, runs, directory / "cache0")["cpu"]
        times[name] = (statistics.median(first), again)
        print(f"{name:<12}   1000 targets   {times[name][0]:.3f} s, again {again:.3f} s")
    ratios = [b / a for a, b in zip(times["one file"], times["300 files"], strict=True)]
    print(f"300 files / one file: {ratios[0]:.2f}, again {ratios[1]:.2f}   (aim: 0.5 to 1.5)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bake-bench-") as name:
        forms(Path(name), asked.runs)
        many_files(Path(name), asked.runs)


if __name__ == "__main__":
    main()
