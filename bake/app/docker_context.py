"""Which Docker Engine a user means: DOCKER_HOST, a context of the docker command, the usual sockets."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from bake.engine.buildkit.address import DOCKER_SOCKET, Address, parse_address
from bake.errors import Diagnostic, InputError

_DEFAULT = "default"


def engine_address(environment: Mapping[str, str], context: str = "") -> Address:
    """`context` wins over DOCKER_HOST, that over DOCKER_CONTEXT and the current one. Raises InputError."""
    if not context and environment.get("DOCKER_HOST"):
        return parse_address("docker://", environment)
    name = context or environment.get("DOCKER_CONTEXT") or _current(environment)
    if name and name != _DEFAULT:
        return _of_context(name, environment)
    rootless = f"{environment.get('XDG_RUNTIME_DIR', '')}/docker.sock"
    socket = DOCKER_SOCKET if os.path.exists(DOCKER_SOCKET) or not os.path.exists(rootless) else rootless
    return parse_address(f"docker://{socket}", environment)


def _directory(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME", "/root"), ".docker"))


def _current(environment: Mapping[str, str]) -> str:
    try:
        return str(json.loads((_directory(environment) / "config.json").read_bytes()).get("currentContext", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _of_context(name: str, environment: Mapping[str, str]) -> Address:
    """The docker command keeps contexts under the SHA-256 of their names."""
    contexts, key = _directory(environment) / "contexts", sha256(name.encode()).hexdigest()
    try:
        meta = json.loads((contexts / "meta" / key / "meta.json").read_bytes())
        host = str(meta["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, KeyError, TypeError):
        message = f"there is no docker context '{name}'"
        raise InputError(Diagnostic("bad-builder", message, hint="docker context ls shows those there are")) from None
    tls = contexts / "tls" / key / "docker"
    variables = {"DOCKER_HOST": host, "HOME": environment.get("HOME", "")}
    if tls.is_dir():
        variables |= {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tls)}
    return parse_address("docker://", variables)
