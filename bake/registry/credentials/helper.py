"""Credential helpers: programs named `docker-credential-NAME` that keep passwords in a keychain."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping

import msgspec

from bake.registry.credentials import Credentials, CredentialsError

_SECONDS = 30  # a helper may ask a cloud for a token
_TOKEN_USER = "<token>"


class _Answer(msgspec.Struct, frozen=True, rename="pascal"):
    username: str = ""
    secret: str = ""


def program_of(name: str) -> str:
    """The name of a helper's program."""
    return f"docker-credential-{name}"


def ask(name: str, server: str, environ: Mapping[str, str]) -> Credentials | None:
    """What helper `name` has for `server`; None when it has nothing.

    Raises CredentialsError when it is missing, hangs or fails.
    """
    done = _run(name, "get", server.encode(), environ)
    if done.returncode != 0:
        _check_not_found(name, done.stdout + done.stderr)
        return None
    source = program_of(name)
    try:
        answer = msgspec.json.decode(done.stdout, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise CredentialsError(f"{source} gave no credentials but something else") from None
    if answer.username == _TOKEN_USER:
        return Credentials("", "", answer.secret, source)
    return Credentials(answer.username, answer.secret, "", source) if answer.username or answer.secret else None


def store(name: str, server: str, credentials: Credentials, environ: Mapping[str, str]) -> None:
    """Has the helper keep them. Raises CredentialsError."""
    token = credentials.identity_token
    row = {
        "ServerURL": server,
        "Username": _TOKEN_USER if token else credentials.username,
        "Secret": token or credentials.password,
    }
    if _run(name, "store", msgspec.json.encode(row), environ).returncode != 0:
        raise CredentialsError(f"{program_of(name)} did not keep the login")


def erase(name: str, server: str, environ: Mapping[str, str]) -> None:
    """Has the helper forget a server. Raises CredentialsError."""
    if _run(name, "erase", server.encode(), environ).returncode != 0:
        raise CredentialsError(f"{program_of(name)} did not erase the login")


def _run(name: str, verb: str, data: bytes, environ: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        raise CredentialsError(f"'{name[:40]}' is not the name of a credential helper")
    program = shutil.which(program_of(name), path=environ.get("PATH"))
    if program is None:
        raise CredentialsError(f"the credential helper {program_of(name)} is not on PATH")
    try:
        return subprocess.run(
            [program, verb], input=data, capture_output=True, timeout=_SECONDS, env=dict(environ), check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CredentialsError(f"{program_of(name)} does not work: {type(error).__name__}") from None


def _check_not_found(name: str, output: bytes) -> None:
    """A failure that means "not found" is an answer; helpers tell it apart by words only."""
    said = output.decode("utf-8", "replace").strip().lower()
    if "not found" in said or "no credentials" in said:
        return
    raise CredentialsError(f"docker-credential-{name} failed")
