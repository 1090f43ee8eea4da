"""Podman's and skopeo's `auth.json`, whose keys may name a namespace of a registry (containers-auth.json(5))."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bake.registry.credentials import Credentials, auth_file, helper


@dataclass(frozen=True, slots=True)
class PodmanAuth:
    """One file of its kind."""

    path: Path
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> tuple[PodmanAuth, ...]:
        """The files podman reads, in its order: `$REGISTRY_AUTH_FILE` alone, else run time directory, else config."""
        if only := environ.get("REGISTRY_AUTH_FILE"):
            return (cls(Path(only), environ),)
        config = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config"
        runtime = environ.get("XDG_RUNTIME_DIR")
        directories = ([Path(runtime)] if runtime else []) + [Path(config)]
        return tuple(cls(directory / "containers/auth.json", environ) for directory in directories)

    def find(self, domain: str, path: str) -> Credentials | None:
        """See `Source.find`."""
        file = auth_file.read(self.path)
        if file is None:
            return None
        if program := (file.cred_helpers or {}).get(domain):
            return helper.ask(program, domain, self.environ)
        return auth_file.lookup(file, domain, path, str(self.path))
