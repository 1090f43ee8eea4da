"""Other Debian suites beside the one that runs: their programs, in a root of their own.

What is newer than this Debian's own, as a Docker Engine with a BuildKit of today, is there. A root is made by
mmdebstrap when a test first asks for it (half a minute, 400 MB), and kept in the user's cache directory.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

_ENTER = """set -e
root=$1 temporary=$2
shift 2
mount --bind "$root" "$root"
mkdir -p "$root$temporary" "$root/outside"
for each in /proc /sys /dev "$temporary"; do mount --rbind "$each" "$root$each"; done
cd "$root"
pivot_root . outside
umount -l /outside
exec "$@"
"""


def debian_root(suite: str, packages: Sequence[str]) -> Path:
    """The directory of a root of `suite` that has `packages` and mount.

    RuntimeError, with what mmdebstrap says, if none can be made.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bake-tests"
    name = f"{suite}-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:8]}"
    place = cache / name
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            _make(suite, packages, place)
    return place


def _make(suite: str, packages: Sequence[str], place: Path) -> None:
    unfinished = place.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    words = ["mmdebstrap", "--quiet", "--variant=essential", f"--include=mount,{','.join(packages)}"]
    # A mirror of sid may be behind the time that its index is good for.
    words += ["--aptopt=Acquire::Check-Valid-Until false", suite, str(unfinished)]
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600)
    if done.returncode:
        raise RuntimeError(f"no root of Debian {suite} could be made:\n{done.stderr[-2000:]}")
    unfinished.rename(place)


def inside(root: Path) -> list[str]:
    """The words before a command that make it run in `root`, as the same process: with this host's /proc, /sys, /dev,
    directory of temporary files and network, in mounts of its own that end with it."""
    words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _ENTER, "inside", str(root)]
    return [*words, tempfile.gettempdir()]
