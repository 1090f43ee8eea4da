"""Writes logins where docker keeps them: a helper for this registry, else the general store, else `auths` in the file.

All else that the file holds stays as it is; it is replaced as a whole, readable by its owner only.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bake.registry.credentials import Credentials, CredentialsError, auth_file, helper
from bake.registry.credentials.docker import DockerConfig


def keep(config: DockerConfig, domain: str, credentials: Credentials) -> str:
    """Keeps a login; tells where: the file, or the helper program. Raises CredentialsError."""
    document, name = _read(config.path), auth_file.names(domain)[0]
    program = _program(document, name)
    entry: dict[str, str] = {}
    if program:
        helper.store(program, name, credentials, config.environ)
    else:
        pair = f"{credentials.username}:{credentials.password}".encode()
        entry["auth"] = base64.b64encode(pair).decode()
        if credentials.identity_token:
            entry["identitytoken"] = credentials.identity_token
    auths = dict(document.get("auths") or {})
    for other in auth_file.names(domain)[1:]:
        auths.pop(other, None)
    _write(config.path, {**document, "auths": {**auths, name: entry}})
    return helper.program_of(program) if program else str(config.path)


def forget(config: DockerConfig, domain: str) -> tuple[str, ...]:
    """Removes a login from wherever it is kept; the places that had it. Raises CredentialsError."""
    document, places = _read(config.path), []
    auths = dict(document.get("auths") or {})
    for name in auth_file.names(domain):
        program = _program(document, name)
        if program and helper.ask(program, name, config.environ) is not None:
            helper.erase(program, name, config.environ)
            places.append(helper.program_of(program))
    meant = [key for key in auths if key in auth_file.names(domain) or auth_file.host(key) in auth_file.names(domain)]
    if meant:
        if any(auths[key] for key in meant):
            places.append(str(config.path))
        _write(config.path, {**document, "auths": {k: v for k, v in auths.items() if k not in meant}})
    return tuple(dict.fromkeys(places))


def _program(document: Mapping[str, Any], name: str) -> str:
    return str((document.get("credHelpers") or {}).get(name) or document.get("credsStore") or "")


def _read(path: Path) -> dict[str, Any]:
    """The whole document, in its order; what bake does not know is kept."""
    if auth_file.read(path) is None:
        return {}
    document = json.loads(path.read_text() or "{}")
    return document if isinstance(document, dict) else {}


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """Beside it, then over it; a link stays one, as users keep such files under version control."""
    path = path.resolve() if path.is_symlink() else path
    draft = ""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # mkstemp gives 0600
        with os.fdopen(handle, "w") as file:
            file.write(json.dumps(document, indent="\t", ensure_ascii=False))
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        if draft:
            Path(draft).unlink(missing_ok=True)
        raise CredentialsError(f"{path} cannot be written: {error.strerror}") from None
