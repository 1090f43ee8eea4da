"""Writes the tables of docs/bake-toml.md anew from the key table of bake: `python docs/tables.py`."""

from __future__ import annotations

from pathlib import Path

from bake.spec.docs import with_tables

PAGE = Path(__file__).parent / "bake-toml.md"

if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
