"""`bake diff` for people: values of the config, then files under the layer that brought or had them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bake.render.sanitize import clean
from bake.render.style import Style
from bake.render.words import count, size

_PLAIN = Style()
_MARKS = {"added": ("+", "good"), "changed": ("~", "warning"), "removed": ("-", "error")}


def difference_text(found: Mapping[str, Any], style: Style = _PLAIN) -> str:
    """`found` as `app.differing.document` gives it."""
    one, two = (clean(name) for name in found["images"])
    lines = [f"{style.paint('error', '---')} {one}", f"{style.paint('good', '+++')} {two}", *_layers(found)]
    lines += _config(found["config"], style)
    for kind in (("added", "changed"), ("removed",)):
        lines += _files(found, kind, style)
    if not found["files"] and not found["config"]:
        lines.append("no difference in files or config")
    else:
        counts = [sum(row["kind"] == kind for row in found["files"]) for kind in _MARKS]
        told = ", ".join(f"{number} {kind}" for number, kind in zip(counts, _MARKS, strict=True) if number)
        lines += ["", f"files: {told or 'no difference'}"]
    return "\n".join(lines) + "\n"


def _layers(found: Mapping[str, Any]) -> Iterator[str]:
    same = found["shared_layers"]
    before, after = (len(found["layers"][side]) - same for side in ("before", "after"))
    yield f"{count(same, 'layer')} the same, then {before} before and {after} after"


def _config(rows: Sequence[Mapping[str, Any]], style: Style) -> Iterator[str]:
    if rows:
        yield ""
        yield style.paint("bold", "config")
    for row in rows:
        kind = "added" if row["before"] is None else "removed" if row["after"] is None else "changed"
        mark, meaning = _MARKS[kind]
        sides = [json.dumps(row[side], ensure_ascii=False) for side in ("before", "after") if row[side] is not None]
        yield f"  {style.paint(meaning, mark)} {clean(row['name'])}: {clean(' → '.join(sides))}"


def _files(found: Mapping[str, Any], kinds: Sequence[str], style: Style) -> Iterator[str]:
    """Those of the second image by its layers, what is removed by the layers of the first."""
    side = "before" if "removed" in kinds else "after"
    rows = [row for row in found["files"] if row["kind"] in kinds]
    for number in sorted({row["layer"] for row in rows}):
        step = found["layers"][side][number - 1]["created_by"] if number else ""
        yield ""
        head = f"layer {number}" + (" of the first, gone" if side == "before" else "")
        yield f"{style.paint('bold', head)}  {clean(step)}".rstrip()
        for row in (row for row in rows if row["layer"] == number):
            mark, meaning = _MARKS[row["kind"]]
            amount = size(row.get("size", 0)) if row.get("type", "file") == "file" else row["type"]
            told = ", ".join((amount, *row.get("aspects", ())))
            yield f"  {style.paint(meaning, mark)} {clean(row['path'])}  ({clean(told)})"
