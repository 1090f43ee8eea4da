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


def ask(name: str, server: str, environ: Mapping[str, str]) -> Credentials | None:
    """What helper `name` has for `server`; None when it has nothing.

    Raises CredentialsError when it is missing, hangs or fails.
    """
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        raise CredentialsError(f"'{name[:40]}' is not the name of a credential helper")
    program = shutil.which(f"docker-credential-{name}", path=environ.get("PATH"))
    if program is None:
        raise CredentialsError(f"the credential helper docker-credential-{name} is not on PATH")
    try:
        done = subprocess.run(
            [program, "get"],
            input=server.encode(),
            capture_output=True,
            timeout=_SECONDS,
            env=dict(environ),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CredentialsError(f"docker-credential-{name} does not work: {type(error).__name__}") from None
    if done.returncode != 0:
        _check_not_found(name, done.stdout + done.stderr)
        return None
    try:
        answer = msgspec.json.decode(done.stdout, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise CredentialsError(f"docker-credential-{name} gave no credentials but something else") from None
    source = f"docker-credential-{name}"
    if answer.username == _TOKEN_USER:
        return Credentials("", "", answer.secret, source)
    return Credentials(answer.username, answer.secret, "", source) if answer.username or answer.secret else None


def _check_not_found(name: str, output: bytes) -> None:
    """A failure that means "not found" is an answer; helpers tell it apart by words only."""
    said = output.decode("utf-8", "replace").strip().lower()
    if "not found" in said or "no credentials" in said:
        return
    raise CredentialsError(f"docker-credential-{name} failed")
