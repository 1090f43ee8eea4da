"""A reverse proxy before a real registry that does, when told, what bad networks and bad registries do."""

from __future__ import annotations

import http.client
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Seen:
    """A request that arrived. `received`: bytes of its body."""

    method: str
    path: str
    headers: dict[str, str]
    received: int = 0


@dataclass
class Fault:
    """What to do with the next `times` requests whose method and path match (regular expressions).

    One of: `status` with `headers` and `body`; `reset` the connection; `truncate` the answer after so many body bytes;
    `corrupt` one byte of the answer; `hang` until the proxy ends; `upload` take so many body bytes, give them to the
    registry and then reset; `replace` headers of the answer; `endless` body; `trickle` the body,
    so many seconds a byte.
    """

    method: str = ".*"
    path: str = ".*"
    times: int = 1
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    reset: bool = False
    truncate: int = -1
    corrupt: bool = False
    hang: bool = False
    upload: int = -1
    replace: dict[str, str] = field(default_factory=dict)
    endless: bool = False
    trickle: float = 0.0

    def matches(self, method: str, path: str) -> bool:
        return bool(self.times and re.fullmatch(self.method, method) and re.search(self.path, path))


class FaultyProxy:
    """`host` is its `127.0.0.1:port`. Without `upstream` it answers only what faults say, else 404.

    `answered`: bytes of all answers, heads and bodies.
    """

    def __init__(self, upstream: str = "") -> None:
        self.upstream = upstream
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self.answered = 0
        self.ended = threading.Event()
        self.hanging = threading.Event()
        self.sessions: dict[str, str] = {}
        self.lock = threading.Lock()
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.proxy = self
        self.host = f"127.0.0.1:{self.server.server_port}"

    def add(self, **fault: Any) -> None:
        self.faults.append(Fault(**fault))

    def take(self, method: str, path: str) -> Fault | None:
        with self.lock:
            found = next((f for f in self.faults if f.matches(method, path)), None)
            if found:
                found.times -= 1
            return found

    def requests(self, method: str = ".*", path: str = ".*") -> list[Seen]:
        """What arrived and matches."""
        return [s for s in self.seen if re.fullmatch(method, s.method) and re.search(path, s.path)]


@contextmanager
def faulty_proxy(upstream: str = "") -> Iterator[FaultyProxy]:
    """A proxy on a free loopback port, in threads."""
    proxy = FaultyProxy(upstream)
    threading.Thread(target=proxy.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.ended.set()
        proxy.server.shutdown()
        proxy.server.server_close()


class _Server(ThreadingHTTPServer):
    proxy: FaultyProxy
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        pass  # clients that go away are what this is for


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _handle(self) -> None:
        proxy, fault = self.server.proxy, self.server.proxy.take(self.command, self.path)
        size = int(self.headers.get("Content-Length") or 0)
        if fault and fault.upload >= 0:
            self._swallow(fault.upload)
            return
        body = self.rfile.read(size) if size and not (fault and fault.hang) else b""
        proxy.seen.append(Seen(self.command, self.path, dict(self.headers), len(body)))
        if fault and fault.hang:
            proxy.hanging.set()
            proxy.ended.wait(60)
            self.close_connection = True
        elif fault and fault.reset:
            self._reset()
        elif fault and fault.status:
            self._answer(fault.status, fault.headers, fault.body)
        elif not proxy.upstream:
            self._answer(404, {}, b"{}")
        else:
            status, headers, answer = self._forward(self.command, self._current(self.path), body, dict(self.headers))
            self._answer(status, {**headers, **(fault.replace if fault else {})}, answer, fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

    def _swallow(self, size: int) -> None:
        """Takes the start of an upload, keeps it in the registry as a good frontend does, and drops the client."""
        part = self.rfile.read(size)
        proxy = self.server.proxy
        proxy.seen.append(Seen(self.command, self.path, dict(self.headers), len(part)))
        headers = {**dict(self.headers), "Content-Length": str(len(part))}
        headers.pop("Content-Range", None)
        _, answer, _ = self._forward("PATCH", self._current(self.path), part, headers)
        proxy.sessions[_session(self.path)] = answer["Location"].partition(proxy.host)[2]
        self._reset()

    def _current(self, path: str) -> str:
        """An upload's newest address: the registry signs its offset into it, which the dropped client never saw."""
        newest = self.server.proxy.sessions.get(_session(path))
        if newest is None or self.command == "PUT":
            return path
        return newest

    def _forward(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.server.proxy.upstream, timeout=30)
        try:
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            return response.status, dict(response.headers), response.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes, fault: Fault | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        if fault and fault.endless:
            self.end_headers()
            self._endless()
            return
        length = headers.get("Content-Length", str(len(body))) if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length)
        with self.server.proxy.lock:
            head = sum(map(len, self._headers_buffer))  # type: ignore[attr-defined]
            self.server.proxy.answered += head + (0 if self.command == "HEAD" else len(body))
        self.end_headers()
        if fault and fault.corrupt:
            body = bytes([body[0] ^ 1]) + body[1:]
        if fault and fault.trickle:
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.server.proxy.ended.wait(fault.trickle)
        elif fault and fault.truncate >= 0:
            self.wfile.write(body[: fault.truncate])
            self._reset(hard=False)
        elif self.command != "HEAD":
            self.wfile.write(body)

    def _endless(self) -> None:
        self.close_connection = True
        while not self.server.proxy.ended.is_set():
            self.wfile.write(b"x" * 65536)

    def _reset(self, hard: bool = True) -> None:
        """Closes at once; hard with RST, so that what was not read yet is lost too."""
        self.wfile.flush()
        if hard:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: object) -> None:
        pass


def _session(path: str) -> str:
    return path.partition("?")[0]
