"""crun does not start where cgroups are hybrid; a private view of /sys/fs/cgroup cures that (engine.md "cgroups").

Only inside a private mount namespace, and never for root together with CAP_MKNOD: without a device cgroup a step could
open the host's devices.
"""

from __future__ import annotations

import subprocess


def hide_host_cgroups() -> bool:
    """Mounts an empty file system over the host's cgroups, for this mount namespace. Whether it worked."""
    command = ["mount", "-t", "tmpfs", "none", "/sys/fs/cgroup"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
