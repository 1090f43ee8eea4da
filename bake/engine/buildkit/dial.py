"""A byte stream to a builder: a socket of the address's kind, and around it TLS where it is asked for."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import tempfile
from contextlib import suppress
from typing import IO

from bake.engine.buildkit.address import Address, Tls
from bake.engine.buildkit.unreachable import unreachable
from bake.errors import Diagnostic, HostError

CONNECT_S = 10.0
"""Seconds that a builder may take to accept a connection."""
_SSH_END_S = 2.0
"""Seconds for an ssh whose connection has ended to say why."""
_SAID = 4000
"""Bytes of it that are read."""


class Dialer:
    """Opens streams to one builder; `close` ends the ssh processes behind them."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._processes: list[subprocess.Popen[bytes]] = []
        self._said: IO[bytes] | None = None

    def open(self) -> socket.socket:
        """A connected socket, still without TLS. Blocks; raises HostError."""
        try:
            if self.address.ssh:
                return self._ssh()
            if self.address.socket:
                return self._unix()
            opened = socket.create_connection((self.address.host, self.address.port), timeout=CONNECT_S)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return opened
        except OSError as error:
            raise unreachable(self.address, error) from None

    def open_secure(self) -> socket.socket:
        """The same with TLS, for calls of the Docker API. Blocks; raises HostError."""
        plain = self.open()
        context = self.tls()
        if context is None:
            return plain
        try:
            return context.wrap_socket(plain, server_hostname=self.server_name)
        except OSError as error:
            plain.close()
            raise unreachable(self.address, error) from None

    @property
    def server_name(self) -> str:
        tls = self.address.tls
        return (tls.servername if tls else "") or self.address.host

    def tls(self) -> ssl.SSLContext | None:
        """Raises HostError when a certificate cannot be read."""
        if self.address.tls is None:
            return None
        try:
            return _context(self.address.tls, "http/1.1" if self.address.docker else "h2")
        except OSError as error:
            files = ", ".join(f for f in (self.address.tls.ca, self.address.tls.cert, self.address.tls.key) if f)
            message = f"cannot use the certificates of builder {self.address.text}: {error.strerror or error}"
            raise HostError(Diagnostic("bad-certificate", message, hint=f"check {files}")) from None

    def close(self) -> None:
        for process in self._processes:
            process.terminate()
            process.wait()
        self._processes.clear()
        if self._said is not None:
            self._said.close()
            self._said = None

    def closed(self, cause: BaseException | None) -> HostError:
        """The error for a connection that the builder has ended before a first answer. Blocks for a moment."""
        said = ""
        if self._said is not None and self._processes:
            with suppress(subprocess.TimeoutExpired):
                self._processes[-1].wait(_SSH_END_S)
            self._said.seek(0)
            said = self._said.read(_SAID).decode(errors="replace").strip()
        return unreachable(self.address, cause, said)

    def _unix(self) -> socket.socket:
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            opened.connect(self.address.socket)
        except OSError:
            opened.close()
            raise
        return opened

    def _ssh(self) -> socket.socket:
        command = ssh_command(self.address)
        if self._said is None:
            self._said = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=self._said)
        self._processes.append(process)
        return ours


def ssh_command(address: Address) -> list[str]:
    """What connects stdin and stdout to the far builder: the system's ssh, with the user's own configuration."""
    program = shutil.which("ssh")
    if program is None:
        raise HostError(Diagnostic("no-ssh", "there is no ssh on this host", hint="install OpenSSH's client"))
    port = ["-p", str(address.port)] if address.port else []
    user = ["-l", address.user] if address.user else []
    far = ["docker", "system", "dial-stdio"] if address.docker else ["buildctl", "dial-stdio"]
    return [program, "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_S:.0f}", *port, *user, address.host,
            "--", *far]  # fmt: skip


def _context(tls: Tls, protocol: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca or None)
    if tls.cert:
        context.load_cert_chain(tls.cert, tls.key)
    context.set_alpn_protocols([protocol])
    return context
