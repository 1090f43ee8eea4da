"""One HTTP exchange over urllib3: no retry, no redirect, but a thread that can be woken from it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import urllib3

from bake.registry.hosts import HostSettings
from bake.registry.operation import Operation
from bake.registry.pools import SEND_BLOCK, Pools, current
from bake.registry.request import FileBody, Request
from bake.registry.trouble import Trouble, translated

BLOCK = 512 * 1024
_CONNECT_SECONDS = 10.0
_TRICKLE_SECONDS, _TRICKLE_RATE = 60.0, 1024.0  # a body slower than that many bytes a second is as good as dead
_USER_AGENT = "bake/0.1"


class Response:
    """Status and headers; the body is still on the wire. Read it or close it, so that the connection is free again."""

    def __init__(self, operation: Operation, url: str, raw: urllib3.BaseHTTPResponse) -> None:
        self.url = url
        self.status = raw.status
        self.headers: Mapping[str, str] = raw.headers
        self._operation = operation
        self._raw = raw

    def __repr__(self) -> str:
        return f"<Response {self.status}>"

    def chunks(self) -> Iterator[bytes]:
        """The body, as it comes. Raises Trouble when it breaks off or only trickles."""
        began, count = time.monotonic(), 0
        with translated(self._operation):
            while block := self._raw.read1(BLOCK, decode_content=False):
                self._operation.check()
                count += len(block)
                elapsed = time.monotonic() - began
                if elapsed > _TRICKLE_SECONDS and count < elapsed * _TRICKLE_RATE:
                    self.close()
                    raise Trouble("timeout", f"it sent {count} bytes in {elapsed:.0f} seconds")
                yield block

    def read(self, limit: int) -> bytes | None:
        """The body, None when it is longer than `limit` bytes (it is then not read to its end)."""
        found = bytearray()
        for block in self.chunks():
            found += block
            if len(found) > limit:
                self.close()
                return None
        return bytes(found)

    def close(self) -> None:
        """Drops what is left of the body, and the connection with it."""
        self._raw.close()

    def discard(self) -> None:
        """Reads a short rest, so that the connection can be used again; never fails."""
        try:
            self.read(64 * 1024)
        except Trouble:
            self.close()


class Transport:
    """Exchanges over shared connections. Safe to use from many threads."""

    def __init__(self, connections: int) -> None:
        self._pools = Pools(connections)

    def send(self, operation: Operation, request: Request, tls: HostSettings, *, verify: bool) -> Response:
        """One exchange: no retry, no redirect. Raises Trouble, and Stopped when the operation is cancelled."""
        manager = self._pools.manager(request.url, tls, verify)
        current.operation = operation
        with _opened(request.body, operation) as body, translated(operation):
            raw = manager.urlopen(
                request.method,
                request.url,
                body=body,
                headers=_headers(request),
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=request.patience),
            )
        return Response(operation, request.url, raw)

    def close(self) -> None:
        """Closes idle connections."""
        self._pools.close()


def _headers(request: Request) -> dict[str, str]:
    size = {"Content-Length": str(request.body.size)} if isinstance(request.body, FileBody) else {}
    return {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity", **size, **request.headers}


class _CountedFile:
    """A part of a file as urllib3 wants it; counts what is sent and ends when the operation is cancelled."""

    def __init__(self, file: BinaryIO, body: FileBody, operation: Operation) -> None:
        file.seek(body.offset)
        self._file, self._left, self._operation = file, body.size, operation
        operation.transferred = body.offset

    def read(self, size: int = SEND_BLOCK) -> bytes:
        self._operation.check()
        block = self._file.read(min(size, self._left))
        self._left -= len(block)
        self._operation.transferred += len(block)
        return block


@contextmanager
def _opened(body: bytes | FileBody | None, operation: Operation) -> Iterator[Any]:
    if not isinstance(body, FileBody):
        yield body
        return
    with body.path.open("rb") as file:
        yield _CountedFile(file, body, operation)
