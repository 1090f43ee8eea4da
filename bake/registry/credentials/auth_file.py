"""The JSON that docker's config.json and podman's auth.json share: `auths`, `credHelpers`, `credsStore`."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bake.registry.credentials import Credentials, CredentialsError


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of `auths`. `auth` is base64 of `user:password`; docker writes `identitytoken` for token logins."""

    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""


class AuthFile(msgspec.Struct, frozen=True, rename="camel"):
    """The parts that matter for credentials."""

    auths: dict[str, Entry | None] | None = None
    cred_helpers: dict[str, str] | None = None
    creds_store: str | None = None


def read(path: Path) -> AuthFile | None:
    """The file, None when there is none. Raises CredentialsError when it cannot be read."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CredentialsError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return msgspec.json.decode(data or b"{}", type=AuthFile)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The decoder's own words could quote a password.
        raise CredentialsError(f"{path} is not a valid credentials file") from None


def names(domain: str) -> tuple[str, ...]:
    """The names under which files and helpers keep a registry; Docker Hub has an old one of its own."""
    return ("https://index.docker.io/v1/", "index.docker.io", domain) if domain == "docker.io" else (domain,)


def lookup(file: AuthFile, domain: str, path: str, source: str) -> Credentials | None:
    """The entry for the longest prefix of `domain/path` (podman), then for the host however it is written (docker)."""
    auths = {key: entry for key, entry in (file.auths or {}).items() if entry is not None}
    parts = path.split("/") if path else []
    prefixes = ["/".join((domain, *parts[:length])) for length in range(len(parts), 0, -1)]
    for name in (*prefixes, *names(domain)):
        if name in auths and (found := _credentials(auths[name], source)):
            return found
    for key, entry in auths.items():
        if host(key) in names(domain) and (found := _credentials(entry, source)):
            return found
    return None


def host(key: str) -> str:
    """`https://r.io/v1/` is the host r.io; a key with a path but no scheme is a namespace of podman's."""
    return urlsplit(key).netloc if "://" in key else key


def _credentials(entry: Entry, source: str) -> Credentials | None:
    username, password = entry.username, entry.password
    if entry.auth:
        try:
            username, _, password = base64.b64decode(entry.auth, validate=True).decode().rstrip("\0").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise CredentialsError(f"an 'auth' value in {source} is not base64 of user:password") from None
    if entry.identitytoken or username or password:
        return Credentials(username, password, entry.identitytoken, source)
    return None
