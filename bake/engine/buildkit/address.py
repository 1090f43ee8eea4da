"""Where a builder is, read from what a user writes: `unix://`, `tcp://`, `docker://`, `ssh://`, `docker+ssh://`.

Options follow a `?`: `ca`, `cert`, `key` (files), `certs` (a directory with ca.pem, cert.pem, key.pem), `servername`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from bake.errors import Diagnostic, InputError, nearest

DOCKER_SOCKET = "/var/run/docker.sock"
OPTIONS: Mapping[str, str] = {
    "ca": "file with the certificate that the builder's is signed by",
    "cert": "file with our certificate",
    "key": "file with our key",
    "certs": "directory that holds ca.pem, cert.pem and key.pem",
    "servername": "name that the builder's certificate is for",
}
_PORTS = {"tcp": 1234, "docker": 2376}
_FORMS = "unix:///run/buildkit/buildkitd.sock, tcp://HOST:PORT?certs=DIR, docker://, ssh://USER@HOST"


@dataclass(frozen=True, slots=True)
class Tls:
    """Files for a TLS connection; `cert` and `key` "" where the builder asks for none."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    servername: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """`text` as written. Either `socket` (a path) or `host` and `port`; with `ssh`, those are of the far host.

    `docker`: a Docker Engine, whose BuildKit is behind an upgrade of its HTTP API.
    """

    text: str
    docker: bool = False
    socket: str = ""
    host: str = ""
    port: int = 0
    ssh: bool = False
    user: str = ""
    tls: Tls | None = None


def parse_address(text: str, environment: Mapping[str, str]) -> Address:
    """Raises InputError. `docker://` alone is DOCKER_HOST, else the usual socket."""
    if text == "docker://":
        return _default_docker(environment)
    scheme, mark, _ = text.partition("://")
    reader = _READERS.get(scheme) if mark else None
    if reader is None:
        hint = f"builders are written as {_FORMS}"
        raise InputError(Diagnostic("bad-builder", f"'{text}' is no builder's address", hint=hint))
    try:
        parts = urlsplit(text)
        return reader(text, parts, _tls(text, dict(parse_qsl(parts.query, keep_blank_values=True))))
    except ValueError as error:
        raise InputError(Diagnostic("bad-builder", f"'{text}': {error}")) from None


def _unix(text: str, parts: object, tls: Tls | None) -> Address:
    return Address(text, socket=_path(text, parts, tls))


def _tcp(text: str, parts: object, tls: Tls | None) -> Address:
    host, port = _host(parts, _PORTS["tcp"])
    return Address(text, host=host, port=port, tls=tls)


def _docker(text: str, parts: object, tls: Tls | None) -> Address:
    if not getattr(parts, "netloc", ""):
        return Address(text, docker=True, socket=_path(text, parts, tls))
    host, port = _host(parts, _PORTS["docker"])
    return Address(text, docker=True, host=host, port=port, tls=tls)


def _ssh(text: str, parts: object, tls: Tls | None) -> Address:
    if tls is not None:
        raise ValueError("ssh has no TLS options")
    host, port = _host(parts, 0)
    user = unquote(getattr(parts, "username", None) or "")
    if host.startswith("-") or user.startswith("-"):
        raise ValueError("a host cannot start with a dash")
    return Address(text, text.startswith("docker+"), host=host, port=port, ssh=True, user=user)


_READERS = {"unix": _unix, "tcp": _tcp, "docker": _docker, "ssh": _ssh, "docker+ssh": _ssh}


def _host(parts: object, port: int) -> tuple[str, int]:
    host = getattr(parts, "hostname", None)
    if not host:
        raise ValueError("the host is missing")
    return str(host), getattr(parts, "port", None) or port


def _path(text: str, parts: object, tls: Tls | None) -> str:
    path = unquote(getattr(parts, "netloc", "") + getattr(parts, "path", ""))
    if tls is not None:
        raise ValueError("a socket has no TLS options")
    if not path.startswith("/"):
        raise ValueError(f"the path of the socket must be absolute: {text.partition('://')[0]}:///…")
    return path


def _tls(text: str, given: Mapping[str, str]) -> Tls | None:
    for name in given:
        if name not in OPTIONS:
            near = nearest(name, list(OPTIONS))
            hint = f"did you mean '{near}'?" if near else f"options are {', '.join(OPTIONS)}"
            raise InputError(Diagnostic("bad-builder", f"'{text}': unknown option '{name}'", hint=hint))
    if not given:
        return None
    if directory := given.get("certs"):
        given = {"ca": f"{directory}/ca.pem", "cert": f"{directory}/cert.pem", "key": f"{directory}/key.pem", **given}
    if bool(given.get("cert")) != bool(given.get("key")):
        raise ValueError("`cert` and `key` go together")
    return Tls(given.get("ca", ""), given.get("cert", ""), given.get("key", ""), given.get("servername", ""))


def _default_docker(environment: Mapping[str, str]) -> Address:
    """As the docker command does: DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH."""
    host = environment.get("DOCKER_HOST", "")
    if not host:
        return Address("docker://", docker=True, socket=DOCKER_SOCKET)
    scheme, _, rest = host.partition("://")
    if scheme == "unix":
        return parse_address(f"docker://{rest}", environment)
    if scheme == "ssh":
        return parse_address(f"docker+ssh://{rest}", environment)
    if scheme != "tcp":
        raise InputError(Diagnostic("bad-builder", f"DOCKER_HOST is '{host}', which bake cannot reach"))
    secure = environment.get("DOCKER_TLS_VERIFY") or environment.get("DOCKER_CERT_PATH")
    directory = environment.get("DOCKER_CERT_PATH") or f"{environment.get('HOME', '')}/.docker"
    return parse_address(f"docker://{rest}" + (f"?certs={directory}" if secure else ""), environment)
