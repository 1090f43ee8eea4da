"""Answers to a registry's question who is asking: Basic, and Bearer tokens with their scopes (distribution spec, auth).

A token is fetched once for each set of scopes, by one thread while others wait, kept until shortly before it expires,
and thrown away when the registry refuses it.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import msgspec

from bake.errors import Diagnostic, RemoteError
from bake.registry import problems
from bake.registry.credentials import Credentials, Found, Source, find
from bake.registry.hosts import address, is_loopback
from bake.registry.http import Http, resolved
from bake.registry.operation import Operation
from bake.registry.request import Request
from bake.registry.transport import Response

_TOKEN_LIMIT = 256 * 1024
_DEFAULT_LIFE = 60.0  # seconds, as the token specification says for a token without `expires_in`
_MARGIN = 10.0
_CLIENT = "bake"

_WORD = re.compile(r'([A-Za-z][\w-]*)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?')


@dataclass(frozen=True, slots=True)
class Challenge:
    """One `WWW-Authenticate`: `scheme` in lower case, its parameters."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def parse_challenge(header: str) -> Challenge | None:
    """The challenge to answer among those of a header: Bearer before Basic; None when there is neither."""
    found: dict[str, Challenge] = {}
    current = Challenge("")
    for match in _WORD.finditer(header):
        name, quoted, plain = match[1].lower(), match[2], match[3]
        if quoted is None and plain is None:  # a word without a value names a scheme
            current = found.setdefault(name, Challenge(name))
        else:
            current.parameters[name] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    return found.get("bearer") or found.get("basic")


class _TokenAnswer(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""
    expires_in: float | None = None
    refresh_token: str = ""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    until: float


class Auth:
    """The state of being known to one registry. Safe to use from many threads.

    `offline` asks for an identity token too, which then is in `identity_token`: what a login keeps instead of the
    password where the registry gives one.
    """

    def __init__(self, http: Http, domain: str, sources: Sequence[Source], offline: bool = False) -> None:
        self._http = http
        self._domain = domain
        self._sources = sources
        self._offline = offline
        self.identity_token = ""
        self._challenge: Challenge | None = None
        self._found: dict[str, Found] = {}
        self._tokens: dict[tuple[str, ...], _Token] = {}
        self._locks: dict[tuple[str, ...], threading.Lock] = {}
        self._lock = threading.Lock()

    def header(self, operation: Operation, path: str, scopes: tuple[str, ...]) -> str | None:
        """What to send as `Authorization` for `scopes` of repository `path`; None before the registry ever asked."""
        challenge = self._challenge
        if challenge is None:
            return None
        if challenge.scheme == "basic":
            credentials = self.found(path).credentials
            return _basic(credentials) if credentials and credentials.password else None
        with self._lock:
            lock = self._locks.setdefault(scopes, threading.Lock())
        with lock:
            token = self._tokens.get(scopes)
            if token is None or token.until < time.monotonic():
                token = self._tokens[scopes] = self._fetch(operation, challenge, path, scopes)
        return f"Bearer {token.text}"

    def learn(self, response: Response, sent: str | None, scopes: tuple[str, ...]) -> bool:
        """Takes in a 401: what is asked for, and that `sent` is no good. Whether another try makes sense."""
        challenge = parse_challenge(response.headers.get("WWW-Authenticate", ""))
        if challenge is None:
            return False
        known, self._challenge = self._challenge, challenge
        with self._lock:
            token = self._tokens.get(scopes)
            if token is not None and sent == f"Bearer {token.text}":
                del self._tokens[scopes]
        return sent is None or challenge.scheme == "bearer" or known != challenge

    def found(self, path: str) -> Found:
        """The user's credentials for a repository; looked up once."""
        with self._lock:
            if path not in self._found:
                self._found[path] = find(self._sources, self._domain, path)
            return self._found[path]

    @property
    def asked(self) -> bool:
        """Whether the registry ever asked who is there."""
        return self._challenge is not None

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that must not be shown: passwords, in base64 too, and tokens."""
        with self._lock:
            credentials = [f.credentials for f in self._found.values() if f.credentials]
            tokens = [t.text for t in self._tokens.values()]
        basics = [_basic(c).partition(" ")[2] for c in credentials]
        return tuple(s for c in credentials for s in c.secrets) + tuple(basics) + tuple(tokens)

    def hint(self, path: str) -> str:
        """What a refused user can do."""
        found = self.found(path)
        if found.credentials:
            source = found.credentials.source
            return f"the credentials from {source} are not enough; {problems.log_in(self._domain)}"
        trouble = f" ({'; '.join(found.problems)})" if found.problems else ""
        return f"no credentials for {self._domain} were found{trouble}; {problems.log_in(self._domain)}"

    def _fetch(self, operation: Operation, challenge: Challenge, path: str, scopes: tuple[str, ...]) -> _Token:
        realm = challenge.parameters.get("realm", "")
        self._check_realm(operation, realm)
        credentials = self.found(path).credentials
        wanted = scopes or tuple(challenge.parameters.get("scope", "").split())
        request = _token_request(realm, challenge.parameters.get("service", ""), wanted, credentials, self._offline)
        began = time.monotonic()
        settings_of = self._domain if urlsplit(realm).netloc == address(self._domain) else ""
        response, body = self._http.whole(
            operation, lambda: self._http.send(operation, request, settings_of), _TOKEN_LIMIT, "the token"
        )
        if response.status != 200:
            raise problems.refused(operation.what, realm, response.status, body[:4096], self.secrets, self.hint(path))
        try:
            answer = msgspec.json.decode(body, type=_TokenAnswer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise problems.broken(operation.what, f"{problems.bare(realm)} gave no token but something else") from None
        text = answer.token or answer.access_token
        if not text or not (text.isascii() and text.isprintable()):
            raise problems.broken(operation.what, f"{problems.bare(realm)} gave no token")
        if self._offline:
            self.identity_token = answer.refresh_token
        life = answer.expires_in or _DEFAULT_LIFE
        return _Token(text, began + max(life - _MARGIN, life / 2))

    def _check_realm(self, operation: Operation, realm: str) -> None:
        """A password goes to the token server that the registry names, but never in clear over a network."""
        parts = urlsplit(resolved(operation, f"https://{self._domain}", realm))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise problems.broken(operation.what, f"{self._domain} names no usable token server")
        plain_is_fine = is_loopback(parts.netloc) or self._http.hosts.of(self._domain).insecure
        if parts.scheme == "http" and not plain_is_fine:
            raise RemoteError(
                Diagnostic(
                    "registry-insecure",
                    f"cannot {operation.what}: {self._domain} asks for the password over plain HTTP at {parts.netloc}",
                    hint="mark the registry insecure in the settings if that is really meant",
                )
            )


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _token_request(
    realm: str, service: str, scopes: Sequence[str], credentials: Credentials | None, offline: bool
) -> Request:
    if credentials and credentials.identity_token:
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": credentials.identity_token,
            "service": service,
            "client_id": _CLIENT,
            "scope": " ".join(scopes),
        }
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request("POST", realm, form, urlencode(fields).encode())
    query = [("service", service)] if service else []
    query += [("scope", scope) for scope in scopes]
    if credentials and credentials.username:
        query.append(("account", credentials.username))
    query += [("offline_token", "true"), ("client_id", _CLIENT)] if offline else []
    separator = "&" if urlsplit(realm).query else "?"
    headers = {"Authorization": _basic(credentials)} if credentials and credentials.password else {}
    return Request("GET", realm + (separator + urlencode(query) if query else ""), headers)
