"""Which files and programs know a login to which registry. Names only: no secret is read further than its file."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bake.registry.credentials import CredentialsError, auth_file
from bake.registry.credentials.auth_file import AuthFile
from bake.registry.credentials.docker import DockerConfig
from bake.registry.credentials.podman import PodmanAuth


@dataclass(frozen=True)
class Logins:
    """A file of logins: `registries` it names, each with who keeps the password; `problem` when it is of no use."""

    path: str
    registries: Mapping[str, str]
    problem: str = ""


def logins(environment: Mapping[str, str]) -> tuple[Logins, ...]:
    """The files that exist, in the order in which they are asked."""
    paths = (DockerConfig.of(environment).path, *(source.path for source in PodmanAuth.of(environment)))
    found = (_logins(path, environment) for path in dict.fromkeys(paths))
    return tuple(one for one in found if one is not None)


def _logins(path: Path, environment: Mapping[str, str]) -> Logins | None:
    try:
        file = auth_file.read(path)
    except CredentialsError as error:
        return Logins(str(path), {}, str(error))
    if file is None:
        return None
    registries = _registries(file)
    helpers = dict.fromkeys(name for name in (*(file.cred_helpers or {}).values(), file.creds_store) if name)
    lacking = [
        name for name in helpers if shutil.which(f"docker-credential-{name}", path=environment.get("PATH")) is None
    ]
    problem = ", ".join(f"docker-credential-{name} is not on PATH" for name in lacking)
    return Logins(str(path), registries, problem)


def _registries(file: AuthFile) -> dict[str, str]:
    keeper = f"docker-credential-{file.creds_store}" if file.creds_store else ""
    found = {
        name: "this file" if entry is not None and (entry.auth or entry.password or entry.identitytoken) else keeper
        for name, entry in (file.auths or {}).items()
    }
    found |= {name: f"docker-credential-{helper}" for name, helper in (file.cred_helpers or {}).items()}
    if file.creds_store:
        found.setdefault("all others", keeper)
    return {name: by or "nobody" for name, by in found.items()}
