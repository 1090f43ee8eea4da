"""docs/commands.md says what the commands say of themselves, and names them all."""

from __future__ import annotations

from error_codes import SOURCE

from bake.cli.commands import COMMANDS
from bake.cli.reference import page


def test_the_page_is_current() -> None:
    text = (SOURCE.parent / "docs/commands.md").read_text()
    assert text == page(), "run: python docs/tables.py"
    assert [name for name in COMMANDS if f"\n## bake {name}\n" not in text] == []
