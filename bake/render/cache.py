"""`bake cache`: what takes how much of the disk, and what is damaged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from bake.errors import Diagnostic
from bake.render.diagnostics import info_of, render
from bake.render.style import Style
from bake.render.table import Column, table
from bake.render.words import count, size

if TYPE_CHECKING:
    from bake.store.usage import Usage

_PLAIN = Style()
_KINDS = {
    "layer": "layers",
    "blob": "packed layers and configs",
    "cache": "cache mounts of RUN",
    "git": "checked-out git sources",
    "tmp": "work under way",
    "index": "index",
}
_COLUMNS = (Column("WHAT", elastic=True), Column("NUMBER", right=True), Column("SIZE", right=True))


def usage_json(store: str, rows: Sequence[Usage]) -> str:
    """`{"version": 1, "store": …, "size": bytes, "rows": [{"kind", "name", "size", "last_used"}]}`."""
    return _json(store=store, size=sum(row.size for row in rows), rows=[asdict(row) for row in rows])


def usage_text(store: str, rows: Sequence[Usage], width: int | None = None, style: Style = _PLAIN) -> str:
    """A line a kind, then the sum and where the store is."""
    lines = []
    for kind, words in _KINDS.items():
        sizes = [row.size for row in rows if row.kind == kind]
        if sizes:
            lines.append((words, str(len(sizes)), size(sum(sizes))))
    total = size(sum(row.size for row in rows))
    return table(_COLUMNS, lines, width, style) + f"{total} in {store}\n"


class Item(Protocol):
    """See store.candidates."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def last_used(self) -> float: ...


def pruned_json(store: str, items: Sequence[Item], dry: bool) -> str:
    """`{"version": 1, "store": …, "dry_run": …, "size": bytes, "removed": [{"kind", "name", "size", "last_used"}]}`."""
    rows = [{"kind": i.kind, "name": i.name, "size": i.size, "last_used": i.last_used} for i in items]
    return _json(store=store, dry_run=dry, size=sum(item.size for item in items), removed=rows)


def pruned_text(store: str, items: Sequence[Item], dry: bool, width: int | None = None, style: Style = _PLAIN) -> str:
    """A line a kind, then the sum."""
    lines = []
    for kind, words in _KINDS.items():
        sizes = [item.size for item in items if item.kind == kind]
        if sizes:
            lines.append((words, str(len(sizes)), size(sum(sizes))))
    total = size(sum(item.size for item in items))
    return table(_COLUMNS, lines, width, style) + f"{total} {'would be ' if dry else ''}removed from {store}\n"


def verified_json(store: str, sound: bool, found: Sequence[Diagnostic], left: Sequence[Diagnostic]) -> str:
    """`{"version": 1, "store": …, "sound": …, "diagnostics": […], "left": number of those not repaired}`."""
    infos = [msgspec.to_builtins(info_of(diagnostic)) for diagnostic in found]
    return _json(store=store, sound=sound, diagnostics=infos, left=len(left))


def verified_text(
    store: str, sound: bool, found: Sequence[Diagnostic], left: Sequence[Diagnostic], style: Style = _PLAIN
) -> str:
    """The findings, then in one line how the store is."""
    end = f"the store {store} is {'sound' if sound else 'damaged'}"
    if found:
        repaired = len(found) - len(left)
        end += f": {count(len(found), 'finding')}" + (f", {repaired} repaired" if repaired else "")
    return render(found, style) + end + "\n"


def _json(**values: Any) -> str:
    return json.dumps({"version": 1, **values}, indent=2, ensure_ascii=False) + "\n"
