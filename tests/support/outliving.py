"""What is still there of a build that is over: processes and mounts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def eventually(check: Callable[[], bool]) -> bool:
    """Whether `check` becomes true in a while that is long for any machine."""
    end = time.monotonic() + 20
    while not check() and time.monotonic() < end:
        time.sleep(0.02)
    return check()


def processes(marker: str) -> list[str]:
    """Command lines of living processes that hold `marker`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if marker in line and state != "Z":
                found.append(line)
    return found


def mounts(directory: Path) -> list[str]:
    """Mounts below a directory, in any mount namespace that a living process has."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/mounts"):
        try:
            found |= {line for line in path.read_text().splitlines() if f" {directory}" in line}
        except OSError:
            continue
    return sorted(found)
