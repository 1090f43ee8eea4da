"""One HTTP exchange over urllib3: pools, TLS, proxies, and a socket that can be shut down from outside.

Imported only when something is really asked of a registry: urllib3 costs 70 ms.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InsecureRequestWarning,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from bake.registry.hosts import HostSettings, is_loopback
from bake.registry.operation import Operation

BLOCK = 512 * 1024
_SEND_BLOCK = 256 * 1024
_CONNECT_SECONDS = 10.0
_TRICKLE_SECONDS, _TRICKLE_RATE = 60.0, 1024.0  # a body slower than that many bytes a second is as good as dead
_SEND_SECONDS = 60.0  # for one block: a line of 4 kB/s is the slowest that works
_USER_AGENT = "bake/0.1"

urllib3.disable_warnings(InsecureRequestWarning)  # who is not verified is decided in `hosts`, not by accident


@dataclass(frozen=True, slots=True)
class FileBody:
    """The bytes `[offset, offset + size)` of a file as the body of a request."""

    path: Path
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Request:
    """`patience`: seconds without a byte before giving up. `headers` may hold credentials: they stay out of repr."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | FileBody | None = field(default=None, repr=False)
    patience: float = 30.0

    @property
    def origin(self) -> tuple[str, str]:
        """Scheme and host[:port]."""
        return origin(self.url)

    def with_header(self, name: str, value: str) -> Request:
        return replace(self, headers={**self.headers, name: value})


class Trouble(Exception):
    """No answer, or half of one. `kind`: refused name timeout reset tls proxy. Mapped to RemoteError in `http`."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


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
        with _translated(self._operation):
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


_current = threading.local()


class _Watched:
    """Tells the operation of this thread which socket it is about to block on."""

    sock: Any

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self._take()

    def putrequest(self, *args: Any, **options: Any) -> None:
        if self.sock is not None:
            self._take()
        super().putrequest(*args, **options)  # type: ignore[misc]

    def _take(self) -> None:
        self.sock.settimeout(_SEND_SECONDS)  # urllib3 would send under the short timeout of connecting
        _current.operation.use(self.sock)


class _PlainConnection(_Watched, HTTPConnection):
    pass


class _TlsConnection(_Watched, HTTPSConnection):
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class Transport:
    """Connection pools, made as they are needed and shared by all threads. `connections` are kept for each host."""

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._managers: dict[tuple[str, HostSettings, bool, str], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def send(self, operation: Operation, request: Request, tls: HostSettings, *, verify: bool) -> Response:
        """One exchange: no retry, no redirect. Raises Trouble, and Stopped when the operation is cancelled."""
        manager = self._manager(request.url, tls, verify)
        _current.operation = operation
        with _opened(request.body, operation) as body, _translated(operation):
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
        with self._lock:
            for manager in self._managers.values():
                manager.clear()

    def _manager(self, url: str, tls: HostSettings, verify: bool) -> urllib3.PoolManager:
        scheme, host = origin(url)
        proxy = _proxy(scheme, host)
        key = (scheme, replace(tls, mirrors=()), verify, proxy)
        with self._lock:
            if key not in self._managers:
                context = _context(tls, verify) if "https" in (scheme, urlsplit(proxy).scheme) else None
                self._managers[key] = self._make(context, proxy)
            return self._managers[key]

    def _make(self, context: ssl.SSLContext | None, proxy: str) -> urllib3.PoolManager:
        options: dict[str, Any] = {
            "num_pools": 32,
            "maxsize": self._connections,
            "blocksize": _SEND_BLOCK,
            "ssl_context": context,
        }
        manager: urllib3.PoolManager
        if proxy:
            user = urlsplit(proxy)
            auth = f"{user.username}:{user.password or ''}" if user.username else None
            headers = urllib3.make_headers(proxy_basic_auth=auth) if auth else None
            manager = urllib3.ProxyManager(proxy, proxy_headers=headers, **options)
        else:
            manager = urllib3.PoolManager(**options)
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        return manager


def origin(url: str) -> tuple[str, str]:
    """Scheme and host[:port] of a URL: the two that credentials belong to. A default port is left out."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return parts.scheme, host.removesuffix(default) if default else host


def _headers(request: Request) -> dict[str, str]:
    size = {"Content-Length": str(request.body.size)} if isinstance(request.body, FileBody) else {}
    return {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity", **size, **request.headers}


def _proxy(scheme: str, host: str) -> str:
    """The proxy that the environment names for this address, "" for none. Loopback is never asked of a proxy."""
    if is_loopback(host) or proxy_bypass(host):
        return ""
    proxy = getproxies().get(scheme, "")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _context(tls: HostSettings, verify: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context()
        for ca in tls.ca:
            context.load_verify_locations(cafile=str(ca))
        if tls.certificate:
            context.load_cert_chain(str(tls.certificate), str(tls.key) if tls.key else None)
    except (OSError, ssl.SSLError) as error:
        raise Trouble("tls", f"the certificates set for it cannot be read: {error}") from None
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _CountedFile:
    """A part of a file as urllib3 wants it; counts what is sent and ends when the operation is cancelled."""

    def __init__(self, file: BinaryIO, body: FileBody, operation: Operation) -> None:
        file.seek(body.offset)
        self._file, self._left, self._operation = file, body.size, operation
        operation.transferred = body.offset

    def read(self, size: int = _SEND_BLOCK) -> bytes:
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


# urllib3's exceptions, most special first → kind and words
_KINDS: tuple[tuple[type[Exception], str, str], ...] = (
    (NameResolutionError, "name", "the host name is not known"),
    (NewConnectionError, "refused", "no connection"),
    (ConnectTimeoutError, "timeout", f"no connection within {_CONNECT_SECONDS:.0f} seconds"),
    (ReadTimeoutError, "timeout", "it sent nothing for too long"),
    (ProxyError, "proxy", "the proxy did not connect"),
    (SSLError, "tls", "no trusted TLS connection"),
    (ssl.SSLError, "tls", "no trusted TLS connection"),
    (HTTPError, "reset", "the connection broke off"),
    (OSError, "reset", "the connection broke off"),
)


@contextmanager
def _translated(operation: Operation) -> Iterator[None]:
    """Foreign exceptions become Trouble, or Stopped when it was our own cancelling that broke the connection."""
    try:
        yield
    except (HTTPError, OSError) as error:
        operation.check()
        kind, words = next((k, w) for t, k, w in _KINDS if isinstance(error, t))
        raise Trouble(kind, f"{words}{_detail(kind, error)}") from None


def _detail(kind: str, error: Exception) -> str:
    if kind not in ("refused", "tls", "proxy"):
        return ""
    return ": " + str(error).rpartition("] ")[2].strip("()' ,")
