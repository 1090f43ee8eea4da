"""Docker's `config.json`: a helper for this registry, else the general store, else `auths`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bake.registry.credentials import Credentials, auth_file, helper


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """The file and the environment its helpers run in."""

    path: Path
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> DockerConfig:
        """`$DOCKER_CONFIG/config.json`, else the one in the home directory."""
        directory = environ.get("DOCKER_CONFIG") or Path(environ.get("HOME", "/")) / ".docker"
        return cls(Path(directory) / "config.json", environ)

    def find(self, domain: str, path: str) -> Credentials | None:
        """See `Source.find`."""
        file = auth_file.read(self.path)
        if file is None:
            return None
        for name in auth_file.names(domain):
            program = (file.cred_helpers or {}).get(name) or file.creds_store
            if program and (found := helper.ask(program, name, self.environ)):
                return found
        return auth_file.lookup(file, domain, path, str(self.path))
