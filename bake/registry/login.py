"""Asks a registry whether it knows someone, as `docker login` does: `GET /v2/` with these credentials and no others."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bake.errors import Diagnostic, RemoteError
from bake.registry.auth import Auth
from bake.registry.credentials import Credentials
from bake.registry.endpoint import Endpoint
from bake.registry.http import Http
from bake.registry.operation import Operation
from bake.registry.problems import ResponseError


@dataclass(frozen=True, slots=True)
class Login:
    """What is to be kept: the credentials, or in place of the password an identity token that the registry gave.

    `asked` is False when the registry lets everyone in and never looked at them.
    """

    credentials: Credentials
    asked: bool


@dataclass(frozen=True, slots=True)
class _One:
    """A source that knows just these."""

    credentials: Credentials

    def find(self, domain: str, path: str) -> Credentials | None:  # noqa: ARG002
        return self.credentials


def check(operation: Operation, http: Http, domain: str, credentials: Credentials) -> Login:
    """Raises RemoteError."""
    auth = Auth(http, domain, [_One(credentials)], offline=True)
    try:
        answer = Endpoint(http, domain, auth).request(
            operation, "GET", "/v2/", path="", scopes=(), expect=(200, 202, 204)
        )
    except ResponseError as error:
        if error.status not in (401, 403):
            raise
        said = error.diagnostics[0].message
        hint = f"check name and password of '{credentials.username}'; many registries want an access token instead"
        raise RemoteError(Diagnostic("login-refused", said, hint=hint)) from None
    answer.discard()
    if auth.identity_token:
        credentials = replace(credentials, password="", identity_token=auth.identity_token)
    return Login(credentials, auth.asked)
