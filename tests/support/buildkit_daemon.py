"""The real BuildKit: a `dockerd` on a private socket, without any network of its own.

The kinds: this Debian's (20.10, BuildKit 0.8), the one of Debian 13 (26.1, BuildKit 0.13), and that one with images
in containerd, whose BuildKit has every exporter; in the same manner the newest there is (Debian sid's).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import TracebackType

from debian_root import debian_root, inside
from ending import end

DOCKERD = "/usr/sbin/dockerd"
START_S = 60
DOCKER = ("docker.io", "docker-cli", "docker-buildx", "xz-utils", "ca-certificates")
"""The packages of a Docker Engine, from Debian 13 on, with what it unpacks archives by."""


@dataclass(frozen=True)
class Kind:
    """`words` start the daemon, up to the options that all kinds take; `settings` is its daemon.json."""

    words: Callable[[], list[str]]
    settings: Mapping[str, object] = field(default_factory=dict)


def _own() -> list[str]:
    if not Path(DOCKERD).exists():
        raise RuntimeError(f"{DOCKERD} is not installed; these tests need it (Debian package docker.io)")
    return [DOCKERD]


@cache
def _of_debian_13() -> list[str]:
    return [*inside(newer_root()), "dockerd", "--ip6tables=false"]


@cache
def _of_sid() -> list[str]:
    return [*inside(newest_root()), "dockerd", "--ip6tables=false"]


def newer_root() -> Path:
    """Where Docker Engine 26.1 and its buildx are; made when first asked for."""
    return debian_root("trixie", DOCKER)


def newest_root() -> Path:
    """Where Docker Engine 28.5 (BuildKit 0.25) and its buildx are; made when first asked for."""
    return debian_root("sid", (*DOCKER, "git", "xz-utils"))


OLD = Kind(_own)
NEWER = Kind(_of_debian_13)
NEWER_IN_CONTAINERD = Kind(_of_debian_13, {"features": {"containerd-snapshotter": True}})
NEWEST_IN_CONTAINERD = Kind(_of_sid, {"features": {"containerd-snapshotter": True}})


class Daemon:
    """Lives as long as the `with`. It can be killed and started again on the same data."""

    def __init__(self, data: Path | None = None, kind: Kind = OLD) -> None:
        self._kind = kind
        self.root = Path(tempfile.mkdtemp(prefix="bake-dockerd-"))
        self._data = data or self.root / "data"
        self.socket = self.root / "sock"
        self._process: subprocess.Popen[bytes] | None = None
        self._before = self._mounts()

    @property
    def address(self) -> str:
        return f"docker://{self.socket}"

    def start(self) -> None:
        words = [*self._kind.words()]
        self.socket.unlink(missing_ok=True)
        (self.root / "daemon.json").write_text(json.dumps(self._kind.settings))
        log = (self.root / "log").open("ab")
        with log:
            words += ["--config-file", str(self.root / "daemon.json"), "--iptables=false", "--bridge=none"]
            words += ["--data-root", str(self._data), "--exec-root", str(self.root / "exec")]
            words += ["-H", f"unix://{self.socket}", "--pidfile", str(self.root / "pid")]
            self._process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + START_S
        while time.monotonic() < end and self._process.poll() is None:
            if "API listen on" in (self.root / "log").read_text(errors="replace") and self.socket.exists():
                return
            time.sleep(0.05)
        raise RuntimeError(f"dockerd did not start:\n{(self.root / 'log').read_text(errors='replace')[-2000:]}")

    def send(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """As a crash would; its containerd goes with it at the next start."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        (self.root / "pid").unlink(missing_ok=True)
        self._end_containerd()
        (self.root / "log").write_text("")

    def _mounts(self) -> int:
        """How many lie on the data; the daemon binds it to itself, which os.path.ismount does not see."""
        return Path("/proc/self/mounts").read_text().count(f" {self._data} ")

    def _end_containerd(self) -> None:
        """It outlives a daemon that is killed, and keeps the next one from starting its own."""
        pid = self.root / "exec/containerd/containerd.pid"
        try:
            os.kill(int(pid.read_text()), signal.SIGKILL)
            while Path(f"/proc/{pid.read_text()}/exe").exists():
                time.sleep(0.01)
            pid.unlink()
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return

    def __enter__(self) -> Daemon:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        if self._process is not None and self._process.poll() is None:
            end(self._process, 30)
        self._end_containerd()
        for _ in range(self._mounts() - self._before):  # one for each start after a kill
            subprocess.run(["umount", "-l", str(self._data)], check=False)
        shutil.rmtree(self.root, ignore_errors=True)
