"""Where a registry is and how it is trusted: its address, its CA and client certificate, plain HTTP, its mirrors.

Own certificates are found where docker and podman look: `certs.d/<host:port>/` holds `*.crt` (CAs) and a client's
`*.cert` with its `*.key`.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

_ADDRESS = {"docker.io": "registry-1.docker.io"}


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What the user set for one registry.

    `insecure` allows plain HTTP and untrusted certificates. `mirrors` are registries (`host[:port][/prefix]`) asked
    before this one when reading. `ca`, `certificate` and `key` are PEM files.
    """

    insecure: bool = False
    ca: tuple[Path, ...] = ()
    certificate: Path | None = None
    key: Path | None = None
    mirrors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hosts:
    """The settings of all registries. `certs_d`: directories searched for certificates, the first hit wins."""

    settings: Mapping[str, HostSettings] = field(default_factory=dict)
    certs_d: tuple[Path, ...] = ()

    def of(self, domain: str) -> HostSettings:
        """What holds for `domain`; certificates on disk are added where the settings name none."""
        own = self.settings.get(domain, HostSettings())
        if own.ca or own.certificate:
            return own
        for root in self.certs_d:
            if (directory := root / domain).is_dir():
                return _with_certificates(own, directory)
        return own


def default_hosts(
    settings: Mapping[str, HostSettings] | None = None, environ: Mapping[str, str] | None = None
) -> Hosts:
    """The settings with the usual `certs.d` directories of docker and podman."""
    env = os.environ if environ is None else environ
    home = Path(env.get("HOME", "/"))
    config = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    docker = Path(env.get("DOCKER_CONFIG") or home / ".docker")
    system = (Path("/etc/docker/certs.d"), Path("/etc/containers/certs.d"))
    return Hosts(settings or {}, (config / "containers/certs.d", docker / "certs.d", *system))


def address(domain: str) -> str:
    """The `host[:port]` that serves `domain`."""
    return _ADDRESS.get(domain, domain)


def is_loopback(host: str) -> bool:
    """Whether `host[:port]` is this very machine, so that plain HTTP to it crosses no network."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def schemes(domain: str, settings: HostSettings) -> tuple[str, ...]:
    """The schemes to try, in order. Plain HTTP first on loopback: some plain servers hang on a TLS greeting."""
    if is_loopback(domain):
        return ("https",) if settings.ca else ("http", "https")
    return ("https", "http") if settings.insecure else ("https",)


def verifies(domain: str, settings: HostSettings) -> bool:
    """Whether a certificate of `domain` must be trusted."""
    return bool(settings.ca) or not (settings.insecure or is_loopback(domain))


def _with_certificates(settings: HostSettings, directory: Path) -> HostSettings:
    certificate = next(iter(sorted(directory.glob("*.cert"))), None)
    key = certificate.with_suffix(".key") if certificate else None
    return replace(settings, ca=tuple(sorted(directory.glob("*.crt"))), certificate=certificate, key=key)
