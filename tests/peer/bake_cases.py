"""Definitions in the peer's languages, in tables (bake/*.toml), and what the peer makes of each.

Keys of a case: `name`, `files` (path → text), `read` (those that are named on the command line, in order; by default
all that the peer would read), `names` (of targets; default: none), `env`, and `known`: where bake differs (`at`), why
(`reason`), and the code of the note that the import tells it with (`note`, "" where docs/import.md alone tells it).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TABLES = Path(__file__).parent / "bake"
RECORDED = TABLES / "recorded"
AGENT = "agent.sock"
"""A socket where the peer looks for an ssh agent, which it needs to print."""
_DEFAULTS = ("compose.yaml", "docker-bake.json", "docker-bake.hcl", "docker-bake.override.hcl")


@dataclass(frozen=True)
class Definition:
    table: str
    name: str
    files: Mapping[str, str]
    read: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    known: tuple[Mapping[str, str], ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Of the files to read, in order."""
        return self.read or tuple(name for name in _DEFAULTS if name in self.files)

    def write(self, directory: Path) -> None:
        for name, text in self.files.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text)


def definitions() -> list[Definition]:
    rows = [
        (path.stem, row) for path in sorted(TABLES.glob("*.toml")) for row in tomllib.loads(path.read_text())["case"]
    ]
    return [
        Definition(table, **{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()})
        for table, row in rows
    ]


def recordings() -> dict[str, dict[str, dict[str, Any]]]:
    """Table → case → `group` and `target` as the peer prints them, or `error`."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(RECORDED.glob("*.json"))}
