"""Who the user is for a registry: credentials and the places they come from, asked in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name with a password, or an identity token to exchange for access tokens. `source` is where from."""

    username: str
    password: str = field(repr=False)
    identity_token: str = field(default="", repr=False)
    source: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must appear nowhere."""
        return tuple(s for s in (self.password, self.identity_token) if s)


class Source(Protocol):
    """One place that may know. Reads at each call, as a login may happen meanwhile."""

    def find(self, domain: str, path: str) -> Credentials | None:
        """What to present to `domain` for the repository `path`; None: nothing known.

        Raises CredentialsError when something should be there but cannot be had.
        """


class CredentialsError(Exception):
    """A source that is broken: an unreadable file, a helper that is missing or fails. Its text holds no secret."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the sources said: credentials, or none and the `problems` on the way, worth showing on a refusal."""

    credentials: Credentials | None
    problems: tuple[str, ...] = ()


def find(sources: Sequence[Source], domain: str, path: str) -> Found:
    """The first credentials that a source has. A broken source is noted, not fatal: most images are public."""
    problems: list[str] = []
    for source in sources:
        try:
            credentials = source.find(domain, path)
        except CredentialsError as error:
            problems.append(str(error))
            continue
        if credentials is not None:
            return Found(credentials, tuple(problems))
    return Found(None, tuple(problems))


def default_sources(environ: Mapping[str, str] | None = None) -> tuple[Source, ...]:
    """Docker's configuration, then podman's; `environ` names where they are (the process's own by default)."""
    import os

    from bake.registry.credentials.docker import DockerConfig
    from bake.registry.credentials.podman import PodmanAuth

    env = os.environ if environ is None else environ
    return (DockerConfig.of(env), *PodmanAuth.of(env))
