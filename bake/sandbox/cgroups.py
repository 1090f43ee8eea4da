"""crun's trouble with cgroups, and the cure that leaves the host alone (engine.md §1 "cgroups"); the sweeping.

crun stops where cgroup v1 and v2 are mixed, and where a user may not make cgroups. In a mount namespace of its own it
is shown an empty hierarchy and told to leave it alone. Without cgroups there are no resource limits and, as root, no
device filter.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

CRUN_OPTION = "--cgroup-manager=disabled"

# As root a cgroup2 mount works; in a user namespace it is refused, and an empty directory does.
_COVER = (
    "mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null || mount -t tmpfs -o ro,size=4k none /sys/fs/cgroup || exit 1; "
    'exec "$@"'
)


def covered(argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` where no cgroups are seen; it keeps its pid."""
    return ["unshare", "--mount", "sh", "-c", _COVER, "sh", *argv]


# runc and crun as root make cgroups named like the container, which stay when bake and the runtime are killed.
_OURS = re.compile(r"bake-[0-9a-f]{16}")
_SETTLED = 0.2
_HIERARCHIES = Path("/sys/fs/cgroup")


async def sweep() -> None:
    """Removes cgroups of containers whose bake was killed.

    The kernel keeps those with processes in them. One without may be about to get its first, so only what stays empty
    for a while goes.
    """
    stale = list(_empty())
    if stale:
        await asyncio.sleep(_SETTLED)
    for path in stale:
        with suppress(OSError):
            path.rmdir()


def _empty() -> Iterator[Path]:
    for directory in own_cgroups():
        with suppress(OSError):
            for name in os.listdir(directory):
                if _OURS.fullmatch(name) and not (directory / name / "cgroup.procs").read_text():
                    yield directory / name


def own_cgroups() -> Iterator[Path]:
    """This process's cgroup in each hierarchy, below which a runtime makes its own. Some may not be there."""
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            # Without controllers it is cgroup v2: the whole, or beside v1 in a directory of its own.
            places = [controllers.removeprefix("name=")] if controllers else ["", "unified"]
            yield from (_HIERARCHIES / place / path.strip("/") for place in places)
