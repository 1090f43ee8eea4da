"""Values of secrets and ssh sockets, read from files or the environment when a step needs them and not before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bake.app.ssh_keys import KeyAgents
from bake.errors import Diagnostic, InputError
from bake.spec.target import Table, Target


class Secrets:
    """`environment` is where `env =` entries look."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._agents = KeyAgents()

    def secret(self, target: Target, id: str) -> bytes | None:
        """The value of `target`'s secret `id`; None where it declares none or an optional one has no source.

        Raises InputError when a required source is not there.
        """
        for number, row in enumerate(target.secret):
            if row.get("id") == id:
                return self._value(target, number, id, row)
        return None

    def ssh(self, target: Target, id: str) -> bytes | None:
        """The agent socket's path for `id`; None where there is no such entry or no agent.

        An agent of our own holds the keys of an entry that names files. Raises InputError for what is no key.
        """
        for number, row in enumerate(target.ssh):
            if row.get("id", "default") == id:
                given = row.get("paths")
                named = given if isinstance(given, list | tuple) else ()
                paths = [str(Path(target.root, Path(str(path)).expanduser())) for path in named]
                if paths:
                    return self._agents.socket(paths, target.span(f"ssh[{number}]")).encode()
                return self._environment.get("SSH_AUTH_SOCK", "").encode() or None
        return None

    def close(self) -> None:
        """Ends the agents."""
        self._agents.close()

    def _value(self, target: Target, number: int, id: str, row: Table) -> bytes | None:
        source, variable = str(row.get("src") or row.get("source") or ""), str(row.get("env") or "")
        if row.get("type") == "env" and not variable:
            source, variable = "", source or id
        if not source and not variable and "src" not in row and "source" not in row and "env" not in row:
            source, variable = ("", id) if id in self._environment else (id, "")
        if variable:
            value = self._environment.get(variable)
            found = value.encode() if value is not None else None
        else:
            path = Path(target.root, source).expanduser() if source else None
            found = path.read_bytes() if path is not None and path.is_file() else None
        if found is None and row.get("required", True) is not False:
            where = f"variable {variable}" if variable else f"file {source or '(empty)'}"
            message = f"secret '{id}' of target '{target.name}': there is no {where}"
            hint = "add `required = false` if it may be missing"
            raise InputError(Diagnostic("no-secret", message, target.span(f"secret[{number}]"), hint))
        return found
