"""The real BuildKit: Debian's `dockerd` on a private socket, without any network of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

DOCKERD = "/usr/sbin/dockerd"
START_S = 60


class Daemon:
    """Lives as long as the `with`. It can be killed and started again on the same data."""

    def __init__(self, data: Path | None = None) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="bake-dockerd-"))
        self._data = data or self.root / "data"
        self.socket = self.root / "sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"docker://{self.socket}"

    def start(self) -> None:
        if not Path(DOCKERD).exists():
            raise RuntimeError(f"{DOCKERD} is not installed; these tests need it (Debian package docker.io)")
        self.socket.unlink(missing_ok=True)
        log = (self.root / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [
                    DOCKERD, "--iptables=false", "--bridge=none", "--data-root", str(self._data),
                    "--exec-root", str(self.root / "exec"), "-H", f"unix://{self.socket}",
                    "--pidfile", str(self.root / "pid"),
                ],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
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
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._end_containerd()
        if os.path.ismount(self.root / "data"):
            subprocess.run(["umount", "-l", str(self.root / "data")], check=False)
        shutil.rmtree(self.root, ignore_errors=True)
