"""Writes what the docs tell of the code anew: `python docs/tables.py`."""

from __future__ import annotations

from pathlib import Path

from bake.cli.reference import page
from bake.spec.docs import with_tables

HERE = Path(__file__).parent
KEYS = HERE / "bake-toml.md"

if __name__ == "__main__":
    KEYS.write_text(with_tables(KEYS.read_text()))
    (HERE / "commands.md").write_text(page())
