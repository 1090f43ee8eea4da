"""The peer itself: Debian sid's buildx, and the Docker Engine beside it whose BuildKit has the lint rules."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from buildkit_daemon import NEWEST_IN_CONTAINERD, Daemon, newest_root
from debian_root import inside

_BUILDX = "/usr/libexec/docker/cli-plugins/docker-buildx"
_KEPT = ("PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def engine() -> Daemon:
    """Docker Engine 28 with images in containerd, so that one of another platform can be a base."""
    return Daemon(kind=NEWEST_IN_CONTAINERD)


def buildx(
    words: Sequence[str], directory: Path, environment: Mapping[str, str] = {}, daemon: Daemon | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs buildx in a directory below the one of temporary files, with no settings but these."""
    with tempfile.TemporaryDirectory() as home:
        settings = {name: os.environ[name] for name in _KEPT if name in os.environ}
        settings |= {"HOME": home, "DOCKER_CONFIG": home, **environment}
        if daemon is not None:
            settings["DOCKER_HOST"] = f"unix://{daemon.socket}"
        line = [*inside(newest_root()), "env", "-C", str(directory), _BUILDX, *words]
        return subprocess.run(line, capture_output=True, text=True, env=settings, timeout=120)
