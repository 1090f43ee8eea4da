"""Connection pools by trust and proxy, whose connections tell which socket a thread is about to block on.

Imported only when something is really asked of a registry: urllib3 costs 70 ms.
"""

from __future__ import annotations

import ssl
import threading
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import InsecureRequestWarning

from bake.registry.hosts import HostSettings, is_loopback
from bake.registry.operation import Operation
from bake.registry.request import origin
from bake.registry.trouble import Trouble

SEND_BLOCK = 256 * 1024
_SEND_SECONDS = 60.0  # for one block: a line of 4 kB/s is the slowest that works

urllib3.disable_warnings(InsecureRequestWarning)  # who is not verified is decided in `hosts`, not by accident


class _Current(threading.local):
    operation: Operation


current = _Current()
"""The operation that this thread works for."""


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
        current.operation.use(self.sock)


class _PlainConnection(_Watched, HTTPConnection):
    pass


class _TlsConnection(_Watched, HTTPSConnection):
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class Pools:
    """Made as they are needed and shared by all threads. `connections` are kept for each host."""

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._managers: dict[tuple[str, HostSettings, bool, str], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Closes idle connections."""
        with self._lock:
            for manager in self._managers.values():
                manager.clear()

    def manager(self, url: str, tls: HostSettings, verify: bool) -> urllib3.PoolManager:
        """The pool manager that reaches `url` under these settings. Raises Trouble for certificates it cannot read."""
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
            "blocksize": SEND_BLOCK,
            "ssl_context": context,
        }
        manager: urllib3.PoolManager
        if proxy:
            user = urlsplit(proxy)
            auth = f"{unquote(user.username)}:{unquote(user.password or '')}" if user.username else None
            headers = urllib3.make_headers(proxy_basic_auth=auth) if auth else None
            manager = urllib3.ProxyManager(proxy, proxy_headers=headers, **options)
        else:
            manager = urllib3.PoolManager(**options)
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        return manager


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
