"""crun's trouble with cgroups, and the cure that leaves the host alone (engine.md §1 "cgroups").

crun stops where cgroup v1 and v2 are mixed, and where a user may not make cgroups. In a mount namespace of its own it
is shown an empty hierarchy and told to leave it alone. Without cgroups there are no resource limits and, as root, no
device filter.
"""

from __future__ import annotations

from collections.abc import Sequence

CRUN_OPTION = "--cgroup-manager=disabled"

# As root a cgroup2 mount works; in a user namespace it is refused, and an empty directory does.
_COVER = (
    "mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null || mount -t tmpfs -o ro,size=4k none /sys/fs/cgroup || exit 1; "
    'exec "$@"'
)


def covered(argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` where no cgroups are seen; it keeps its pid."""
    return ["unshare", "--mount", "sh", "-c", _COVER, "sh", *argv]
