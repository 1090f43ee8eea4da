"""One registry as the operations see it: URLs, the scheme that works, authorization, refusals as errors."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from bake.errors import RemoteError
from bake.registry import problems
from bake.registry.auth import Auth
from bake.registry.hosts import address, schemes
from bake.registry.http import Http, resolved, retry_after, unreachable
from bake.registry.operation import Operation
from bake.registry.request import FileBody, Request, origin
from bake.registry.transport import Response
from bake.registry.trouble import Trouble

_ERROR_LIMIT = 64 * 1024


def pull_scope(path: str) -> str:
    """The scope for reading a repository."""
    return f"repository:{path}:pull"


def push_scope(path: str) -> str:
    """The scope for writing to a repository."""
    return f"repository:{path}:pull,push"


def delete_scope(path: str) -> str:
    """The scope for deleting from a repository."""
    return f"repository:{path}:delete"


CATALOG_SCOPE = "registry:catalog:*"


class Endpoint:
    """A registry that is talked to. Nothing is sent before the first request. Safe to use from many threads."""

    def __init__(self, http: Http, domain: str, auth: Auth) -> None:
        self.domain = domain
        self.http = http
        self.auth = auth
        self._base = ""
        self._lock = threading.Lock()

    def request(
        self,
        operation: Operation,
        method: str,
        url: str,
        *,
        path: str,
        scopes: tuple[str, ...],
        expect: Collection[int],
        headers: Mapping[str, str] | None = None,
        body: bytes | FileBody | None = None,
        patience: float = 30.0,
    ) -> Response:
        """The answer to a request about repository `path`, its status one of `expect`.

        `url` may be relative to the registry; one of another host gets no credentials. Raises RemoteError, Stopped, and
        Trouble when a file body broke off.
        """
        base = self.base(operation)
        request = Request(method, self._on_base(operation, base, url), headers or {}, body, patience)
        response = self._authorized(operation, request, base, path, scopes)
        if response.status in expect:
            return response
        raise self.refusal(operation, response, path)

    def refusal(self, operation: Operation, response: Response, path: str) -> RemoteError:
        """The error that an unwanted answer stands for. Consumes the response."""
        try:
            body = response.read(_ERROR_LIMIT) or b""
        except Trouble:
            body = b""
        hint = self.auth.hint(path) if response.status in (401, 403) else ""
        secrets = self.auth.secrets
        return problems.refused(
            operation.what, response.url, response.status, body, secrets, hint, retry_after(response)
        )

    def base(self, operation: Operation) -> str:
        """`scheme://host`, found by asking when more than one scheme may be right."""
        with self._lock:
            if not self._base:
                self._base = self._probe(operation)
            return self._base

    def _probe(self, operation: Operation) -> str:
        host = address(self.domain)
        choices = schemes(self.domain, self.http.hosts.of(self.domain))
        if len(choices) == 1:
            return f"{choices[0]}://{host}"
        pauses = self.http.patience.pauses()
        while True:
            troubles: list[Trouble] = []
            for base in (f"{scheme}://{host}" for scheme in choices):
                try:
                    if self._speaks(operation, base):
                        return base
                except Trouble as trouble:
                    troubles.append(trouble)
            pause = next(pauses, None)
            if pause is None or not any(t.kind == "reset" for t in troubles):
                raise unreachable(operation, f"{choices[0]}://{host}", troubles[0])
            self.http.wait(operation, pause, f"{host}: {troubles[0].reason}")

    def _speaks(self, operation: Operation, base: str) -> bool:
        """Whether this scheme is right. Go's TLS servers answer plain HTTP with a 400 that says so."""
        response = self.http.once(operation, Request("GET", f"{base}/v2/"), self.domain)
        body = response.read(_ERROR_LIMIT) or b""
        return not (base.startswith("http:") and response.status == 400 and b"HTTPS" in body)

    def _on_base(self, operation: Operation, base: str, url: str) -> str:
        """Absolute; a plain-HTTP URL of this very host is a proxy's slip, and asked by the scheme that is right."""
        absolute = resolved(operation, base + "/", url)
        same_host = urlsplit(absolute).netloc == urlsplit(base).netloc
        if same_host and base.startswith("https:") and absolute.startswith("http:"):
            return "https:" + absolute.removeprefix("http:")
        return absolute

    def _authorized(
        self, operation: Operation, request: Request, base: str, path: str, scopes: tuple[str, ...]
    ) -> Response:
        ours = request.origin == origin(base)
        if not ours:
            return self.http.send(operation, request)
        for last in (False, True):
            header = self.auth.header(operation, path, scopes)
            sent = request.with_header("Authorization", header) if header else request
            response = self.http.send(operation, sent, self.domain)
            if response.status != 401 or last or not self.auth.learn(response, header, scopes):
                return response
            response.discard()
        raise AssertionError("unreachable")
