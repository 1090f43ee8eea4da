"""Other builders that can do the same work, if they are installed: how to ask, and how to have all targets built."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Peer(Protocol):
    """`command` builds all targets of a project that `bench/noop.py` made, and leaves them in the builder's cache."""

    @property
    def name(self) -> str: ...

    def problem(self) -> str:
        """Why it cannot be compared with here; "" when it can."""
        ...

    def prepare(self, directory: Path, names: Sequence[str]) -> None:
        """Writes what `command` reads."""
        ...

    def command(self, directory: Path) -> list[str]: ...


@dataclass(frozen=True)
class Buildx:
    """`docker buildx bake`: one command for all targets."""

    name: str = "docker buildx bake"

    def problem(self) -> str:
        if shutil.which("docker") is None:
            return "not installed"
        for argv, meaning in (
            (["docker", "buildx", "version"], "docker is there, buildx is not"),
            (["docker", "info"], "no Docker Engine answers"),
        ):
            if subprocess.run(argv, capture_output=True, check=False).returncode != 0:
                return meaning
        return ""

    def prepare(self, directory: Path, names: Sequence[str]) -> None:
        targets = {name: {"context": "context", "args": {"NAME": name}, "output": ["type=cacheonly"]} for name in names}
        document = {"group": {"default": {"targets": list(names)}}, "target": targets}
        (directory / "docker-bake.json").write_text(json.dumps(document))

    def command(self, directory: Path) -> list[str]:
        return ["docker", "buildx", "bake", "--file", str(directory / "docker-bake.json"), "--progress", "quiet"]


@dataclass(frozen=True)
class Buildah:
    """`buildah build`: one command a target, so a shell that runs them one after the other.

    As root in a mount namespace, as it leaves mounts behind when a step fails; with its chroot isolation, as its
    runtime does not start on every host.
    """

    name: str = "buildah"

    def problem(self) -> str:
        if shutil.which("buildah") is None:
            return "not installed"
        return "" if os.geteuid() == 0 else "compared as root only"

    def prepare(self, directory: Path, names: Sequence[str]) -> None:
        lines = [
            f"buildah --root {directory}/buildah --runroot {directory}/buildah-run build --quiet --layers "
            f"--isolation chroot --build-arg NAME={name} --tag localhost/bench/{name} context"
            for name in names
        ]
        (directory / "buildah.sh").write_text("\n".join(["set -e", *lines, ""]))

    def command(self, directory: Path) -> list[str]:
        return ["unshare", "--mount", "sh", str(directory / "buildah.sh")]


PEERS: tuple[Peer, ...] = (Buildx(), Buildah())
