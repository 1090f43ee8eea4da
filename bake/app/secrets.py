"""Values of secrets and ssh sockets, read from files or the environment when a step needs them and not before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bake.errors import Diagnostic, InputError
from bake.spec.target import Table, Target


class Secrets:
    """`environment` is where `env =` entries look."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def secret(self, target: Target, id: str) -> bytes | None:
        """The value of `target`'s secret `id`; None where it declares none or an optional one has no source.

        Raises InputError when a required source is not there.
        """
        for number, row in enumerate(target.secret):
            if row.get("id") == id:
                return self._value(target, number, id, row)
        return None

    def ssh(self, target: Target, id: str) -> bytes | None:
        """The agent socket's path for `id`."""
        for row in target.ssh:
            if row.get("id", "default") == id:
                paths = row.get("paths")
                first = paths[0] if isinstance(paths, list | tuple) and paths else None
                return str(first or self._environment.get("SSH_AUTH_SOCK", "")).encode() or None
        return None

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
