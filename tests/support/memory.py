"""The peak memory of a process of its own.

`ru_maxrss` will not do: a child starts with the peak of the process that forked it, here that of the test runner.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PROGRAM = """
import resource, sys
from pathlib import Path
from bake.cli import main
code = main(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_SELF)
lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
Path(sys.argv[1]).write_text(f"{lines['VmHWM'].split()[0]} {used.ru_utime + used.ru_stime}")
sys.stdout.flush()
raise SystemExit(code)
"""


@dataclass(frozen=True)
class Measured:
    """How `bake` ended: exit code, stdout and stderr together, peak resident set in KB, processor time in seconds."""

    code: int
    said: str
    peak: int
    seconds: float


def measured(directory: Path, *argv: str, limit: float, environment: Mapping[str, str] | None = None) -> Measured:
    """`bake ARGV…` in that directory; killed after `limit` seconds, which fails the test."""
    figures = directory / f"figures-{os.getpid()}-{time.monotonic_ns()}"
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(figures), *argv],
        cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, text=True, timeout=limit, check=False,
    )  # fmt: skip
    peak, seconds = figures.read_text().split()
    return Measured(done.returncode, done.stdout, int(peak), float(seconds))
