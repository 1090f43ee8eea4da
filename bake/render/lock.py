"""`bake lock` and `bake outdated`: inputs from outside, what they were and what they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

from bake.render.sanitize import clean
from bake.render.style import Style
from bake.render.table import Column, table
from bake.render.words import count

_PLAIN = Style()
_COLUMNS = (
    Column("KIND"),
    Column("NAME", elastic=True),
    Column("LOCKED"),
    Column("NOW"),
    Column("WOULD REBUILD", elastic=True),
)


class Change(Protocol):
    """See app.locking."""

    @property
    def name(self) -> tuple[str, str]: ...
    @property
    def old(self) -> str: ...
    @property
    def new(self) -> str: ...


class Moved(Protocol):
    """See app.outdated."""

    @property
    def name(self) -> tuple[str, str]: ...
    @property
    def locked(self) -> str: ...
    @property
    def now(self) -> str: ...
    @property
    def targets(self) -> tuple[str, ...]: ...


def changes_text(file: str, changes: Sequence[Change], entries: int, style: Style = _PLAIN) -> str:
    """A line a change, `+`, `-` or `~` first, then what the file holds."""
    lines = [_change(change, style) for change in changes]
    end = f"{file} pins {count(entries, 'input')}" + ("" if changes else ", none has changed")
    return "".join(f"{line}\n" for line in [*lines, end])


def _change(change: Change, style: Style) -> str:
    kind, name = change.name
    what = f"{kind} {clean(name)}"
    if not change.old:
        return f"{style.paint('good', '+')} {what}  {short(change.new)}"
    if not change.new:
        return f"{style.paint('bad', '-')} {what}  {short(change.old)}"
    moved = "other platforms" if change.old == change.new else f"{short(change.old)} → {short(change.new)}"
    return f"{style.paint('busy', '~')} {what}  {moved}"


def changes_json(file: str, changes: Sequence[Change], entries: int) -> str:
    """`{"version": 1, "file": …, "entries": number, "changes": [{"kind", "name", "old", "new"}]}`."""
    rows = [{"kind": c.name[0], "name": c.name[1], "old": c.old, "new": c.new} for c in changes]
    return json.dumps({"version": 1, "file": file, "entries": entries, "changes": rows}, indent=2) + "\n"


def moved_text(rows: Sequence[Moved], width: int | None = None, style: Style = _PLAIN) -> str:
    """A line an input that moved."""
    if not rows:
        return "nothing has moved since it was locked\n"
    lines = [
        (row.name[0], clean(row.name[1]), short(row.locked), short(row.now), clean(", ".join(row.targets)) or "nothing")
        for row in rows
    ]
    return table(_COLUMNS, lines, width, style)


def moved_json(rows: Sequence[Moved]) -> str:
    """`{"version": 1, "moved": [{"kind", "name", "locked", "now", "targets"}]}`."""
    found = [
        {"kind": r.name[0], "name": r.name[1], "locked": r.locked, "now": r.now, "targets": list(r.targets)}
        for r in rows
    ]
    return json.dumps({"version": 1, "moved": found}, indent=2) + "\n"


def short(digest: str) -> str:
    """The first 12 digits."""
    return digest.removeprefix("sha256:")[:12]
