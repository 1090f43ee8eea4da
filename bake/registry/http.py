"""Requests that survive a bad minute: bounded retries with back-off, and redirects followed by hand.

By hand, because credentials belong to one origin (scheme, host and port) and never follow a redirect to another.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

from bake.errors import RemoteError
from bake.registry import problems
from bake.registry.hosts import Hosts, is_loopback, verifies
from bake.registry.operation import Operation
from bake.registry.patience import Notice, Patience
from bake.registry.request import FileBody, Request, origin
from bake.registry.transport import Response, Transport
from bake.registry.trouble import Trouble

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # statuses that may be gone in a moment
_HINTS = {
    "refused": "is the registry running, and is the address right?",
    "name": "is the name spelled right, and is this machine online?",
    "tls": "name its CA in certs.d/<host>/ca.crt, or mark the registry insecure in the settings",
    "proxy": "see HTTPS_PROXY and NO_PROXY in the environment",
}


class Http:
    """All exchanges with all hosts. Safe to use from many threads."""

    def __init__(self, hosts: Hosts, patience: Patience, notice: Notice, connections: int = 8) -> None:
        self.hosts = hosts
        self.patience = patience
        self.notice = notice
        self._transport = Transport(connections)
        self._answered: set[tuple[str, str]] = set()

    def send(self, operation: Operation, request: Request, domain: str = "") -> Response:
        """The answer to `request`, whatever its status; `domain` is the registry whose settings hold for its origin.

        Requests with a file as body are sent once and follow no redirect. Raises UnreachableError, Trouble for a
        file body that broke off, and Stopped.
        """
        first = request.origin
        for _ in range(_MOST_REDIRECTS + 1):
            host = domain if request.origin == first and domain else request.origin[1]
            response = self._persist(operation, request, host)
            if response.status not in _REDIRECTS or isinstance(request.body, FileBody):
                return response
            request = _redirected(operation, request, response)
        raise problems.broken(operation.what, f"more than {_MOST_REDIRECTS} redirects from {first[1]}")

    def once(self, operation: Operation, request: Request, domain: str) -> Response:
        """One try without redirects. Raises Trouble and Stopped."""
        response = self._transport.send(
            operation, request, self.hosts.of(domain), verify=verifies(domain, self.hosts.of(domain))
        )
        self._answered.add(request.origin)
        return response

    def whole(self, operation: Operation, ask: Callable[[], Response], limit: int, what: str) -> tuple[Response, bytes]:
        """What `ask` gets, with its body, asked again when the body breaks off.

        Raises RemoteError, also for a body longer than `limit` bytes; `what` names the body in messages.
        """
        pauses = self.patience.pauses()
        while True:
            response = ask()
            try:
                body = response.read(limit)
            except Trouble as trouble:
                pause = next(pauses, None)
                if pause is None:
                    raise unreachable(operation, response.url, trouble) from None
                self.wait(operation, pause, f"{origin(response.url)[1]}: {trouble.reason}")
                continue
            if body is None:
                raise problems.broken(operation.what, f"{what} is longer than {limit} bytes")
            return response, body

    def close(self) -> None:
        """Closes idle connections."""
        self._transport.close()

    def _persist(self, operation: Operation, request: Request, domain: str) -> Response:
        if isinstance(request.body, FileBody):
            return self.once(operation, request, domain)
        pauses = self.patience.pauses()
        while True:
            pause = next(pauses, None)
            try:
                response = self.once(operation, request, domain)
            except Trouble as trouble:
                if pause is None or not self._may_pass(trouble, request):
                    raise unreachable(operation, request.url, trouble) from None
                reason = trouble.reason
            else:
                if pause is None or response.status not in _PASSING:
                    return response
                pause = max(pause, retry_after(response) or 0.0)
                if pause > self.patience.longest:
                    return response
                reason = f"status {response.status}"
                response.discard()
            self.wait(operation, pause, f"{request.origin[1]}: {reason}")

    def wait(self, operation: Operation, pause: float, reason: str) -> None:
        """Says why, and waits. Raises Stopped."""
        self.notice(f"{reason}; trying again in {pause:.1f} s")
        operation.sleep(pause)

    def _may_pass(self, trouble: Trouble, request: Request) -> bool:
        """A host that never answered is most likely down or misspelled: say so at once (SPEC §3.7)."""
        return trouble.kind != "tls" and (trouble.kind == "reset" or request.origin in self._answered)


def retry_after(response: Response) -> float | None:
    """Seconds of a Retry-After header, which holds a number or a date; None when there is none to understand."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def unreachable(operation: Operation, url: str, trouble: Trouble) -> RemoteError:
    """The error of a request that got no answer."""
    return problems.unreachable(operation.what, url, trouble.reason, _HINTS.get(trouble.kind))


def resolved(operation: Operation, base: str, url: str) -> str:
    """`url`, which a registry gave, made absolute. Raises RemoteError for one that is no URL."""
    try:
        absolute = urljoin(base, url)
        urlsplit(absolute).port  # noqa: B018 - reading it is the check
    except ValueError:
        raise problems.broken(operation.what, f"{origin(base)[1]} gave an address that is none") from None
    return absolute


def _redirected(operation: Operation, request: Request, response: Response) -> Request:
    response.discard()
    url = resolved(operation, request.url, response.headers.get("Location", ""))
    scheme, host = origin(url)
    if scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise problems.broken(operation.what, f"{request.origin[1]} redirects to something that is not HTTP")
    if request.origin[0] == "https" and scheme == "http" and not is_loopback(host):
        raise problems.broken(operation.what, f"{request.origin[1]} redirects from HTTPS to plain HTTP at {host}")
    to_get = response.status == 303 and request.method != "HEAD"
    headers = {k: v for k, v in request.headers.items() if k != "Authorization" or origin(url) == request.origin}
    method, body = ("GET", None) if to_get else (request.method, request.body)
    return replace(request, method=method, url=url, headers=headers, body=body)
