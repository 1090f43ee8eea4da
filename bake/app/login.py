"""`bake login` and `bake logout`: credentials that a registry has checked, kept where docker keeps its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from bake.app.options import Options
from bake.app.session import Session
from bake.errors import Diagnostic, HostError, InputError
from bake.registry.credentials import Credentials, CredentialsError, keeping
from bake.registry.credentials.docker import DockerConfig

_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")


@dataclass(frozen=True)
class LoggedIn:
    """`kept`: the file or helper that has it now. `asked` False: the registry lets everyone in, so nothing is proven.

    `in_clear`: the file holds the secret itself, not encrypted.
    """

    host: str
    username: str
    kept: str
    asked: bool
    in_clear: bool


async def login(options: Options, host: str, username: str, password: str) -> LoggedIn:
    """Raises RemoteError when the registry refuses; then nothing is kept. HostError when it cannot be kept."""
    domain = registry_host(host)
    with Session(options) as session:
        done = await session.registry.log_in(domain, Credentials(username, password, source="the command line"))
        config = DockerConfig.of(session.environment)
        try:
            kept = keeping.keep(config, domain, done.credentials)
        except CredentialsError as error:
            raise HostError(Diagnostic("credentials-file", str(error))) from None
    return LoggedIn(domain, username, kept, done.asked, kept == str(config.path))


def logout(options: Options, host: str) -> tuple[str, ...]:
    """Forgets a login; the places that had it, none when nobody did. Raises HostError."""
    domain = registry_host(host)
    with Session(options) as session:
        try:
            return keeping.forget(DockerConfig.of(session.environment), domain)
        except CredentialsError as error:
            raise HostError(Diagnostic("credentials-file", str(error))) from None


def registry_host(text: str) -> str:
    """`host[:port]` of what people paste: with a scheme, with `/v1/` at its end; Docker Hub for "".

    Raises InputError.
    """
    parts = urlsplit(text if "://" in text else f"//{text}")
    host = parts.netloc
    if not text or host in _HUB:
        return "docker.io"
    usual = parts.path.rstrip("/") in ("", "/v1", "/v2")
    if not usual or not re.fullmatch(r"(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?", host):
        hint = "give host or host:port, as in the names of images"
        raise InputError(Diagnostic("bad-registry-host", f"'{text}' is not a registry's name", hint=hint))
    return host
