"""Exchanges that got no answer, or half of one: the exceptions of urllib3 and of sockets, as one of ours."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from bake.registry.operation import Operation


class Trouble(Exception):
    """No answer, or half of one. `kind`: refused name timeout reset tls proxy. Mapped to RemoteError in `http`."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


# urllib3's exceptions, most special first → kind and words
_KINDS: tuple[tuple[type[Exception], str, str], ...] = (
    (NameResolutionError, "name", "the host name is not known"),
    (NewConnectionError, "refused", "no connection"),
    (ConnectTimeoutError, "timeout", "no connection came about in time"),
    (ReadTimeoutError, "timeout", "it sent nothing for too long"),
    (ProxyError, "proxy", "the proxy did not connect"),
    (SSLError, "tls", "no trusted TLS connection"),
    (ssl.SSLError, "tls", "no trusted TLS connection"),
    (HTTPError, "reset", "the connection broke off"),
    (OSError, "reset", "the connection broke off"),
)


@contextmanager
def translated(operation: Operation) -> Iterator[None]:
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
