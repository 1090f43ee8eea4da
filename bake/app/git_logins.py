"""What opens private repositories: secrets named GIT_AUTH_TOKEN or GIT_AUTH_HEADER, and keys of the `ssh` entries.

As BuildKit does: `GIT_AUTH_TOKEN.HOST` counts for that host alone and before the one without a host; a header goes
before a token. A secret counts for what its own target reads.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from bake.app.secrets import Secrets
from bake.app.session import Session
from bake.errors import InputError
from bake.gather.git_program import NO_LOGIN, Login
from bake.plan.compile import Siblings
from bake.plan.step import GitOp
from bake.spec.target import Target

_USER = "x-access-token"
"""The user name that goes with a token; hosts look at the token alone."""


def git_logins(session: Session, siblings: Siblings) -> Callable[[GitOp, Iterable[str]], Login]:
    """Repository and the names of the targets that read it → the login. A secret without its source is none."""

    def login(op: GitOp, names: Iterable[str]) -> Login:
        secrets, targets = session.secrets, [siblings.target(name) for name in names]
        url = urlsplit(op.url)
        if url.scheme in ("http", "https"):
            headers = (_by_http(secrets, each, op.url) for each in targets)
            return next((each for each in headers if each.header), NO_LOGIN)
        if url.scheme in ("ssh", ""):
            agents = (_agent(secrets, each) for each in targets if each.ssh)
            return Login(agent=next((each for each in agents if each), ""))
        return NO_LOGIN

    return login


def _by_http(secrets: Secrets, target: Target, url: str) -> Login:
    host = urlsplit(url).netloc.rpartition("@")[2]
    scope = f"{urlsplit(url).scheme}://{host}/"
    for place in (f".{host}", f".{urlsplit(url).hostname}", ""):
        if header := _value(secrets, target, f"GIT_AUTH_HEADER{place}"):
            return Login(f"Authorization: {header}", scope)
        if token := _value(secrets, target, f"GIT_AUTH_TOKEN{place}"):
            pair = b64encode(f"{_USER}:{token}".encode()).decode()
            return Login(f"Authorization: Basic {pair}", scope)
    return NO_LOGIN


def _value(secrets: Secrets, target: Target, id: str) -> str:
    """A plan needs no secrets, so one that is not there is told by the server that refuses us."""
    with suppress(InputError):
        return (secrets.secret(target, id) or b"").decode("utf-8", "surrogateescape").strip()
    return ""


def _agent(secrets: Secrets, target: Target) -> str:
    return (secrets.ssh(target, "default") or b"").decode()
