"""`bake doctor` for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bake.render.sanitize import clean
from bake.render.style import Style
from bake.render.table import Column, table

_PLAIN = Style()
_VALUES = (
    Column("SETTING"),
    Column("VALUE", elastic=True),
    Column("FROM", elastic=True),
    Column("", elastic=True, spare=True),
)
_MARKS = {"ok": ("ok", "good"), "warning": ("note", "warning"), "missing": ("MISSING", "error")}
_WIDE = 10

Data = Mapping[str, Any]
"""`{"can_run", "values": […], "checks": […], "logins": […]}` with the fields of app.examining and app.logins."""


def examination_json(found: Data) -> str:
    """`{"version": 1, "can_run": …, "settings": […], "checks": […], "logins": […]}`."""
    data = {
        "version": 1,
        "can_run": found["can_run"],
        "settings": found["values"],
        "checks": found["checks"],
        "logins": found["logins"],
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def examination_text(found: Data, width: int | None = None, style: Style = _PLAIN) -> str:
    """Settings as a table, a line a check with its advice below it, the logins, and what it comes to."""
    rows = [(row["name"], _value(row["value"]), clean(row["origin"]), row["help"]) for row in found["values"]]
    checks = [line for check in found["checks"] for line in _check(check, style)]
    lines = [*checks, "", *_logins(found["logins"], style), "", _end(found, style)]
    return table(_VALUES, rows, width, style) + "\n" + "".join(f"{line}\n" for line in lines)


def _value(text: str) -> str:
    return clean(text) if text not in ("", "[]", "{}") else "(none)"


def _check(check: Data, style: Style) -> Iterator[str]:
    word, meaning = _MARKS[check["status"]]
    yield f"{style.paint(meaning, word)}{' ' * (_WIDE - len(word))}{check['name']}: {clean(check['found'])}"
    for detail in check["details"]:
        yield f"{' ' * _WIDE}- {clean(detail)}"
    if check["advice"]:
        yield f"{' ' * _WIDE}{style.paint('hint', 'hint')}: {clean(check['advice'])}"


def _logins(files: Sequence[Data], style: Style) -> Iterator[str]:
    if not files:
        yield "no logins: registries are asked as a guest; `bake login HOST` adds one"
    for file in files:
        yield f"logins in {clean(file['path'])}"
        for registry, keeper in file["registries"].items():
            yield f"  {clean(registry)}: {clean(keeper)}"
        if file["problem"]:
            yield f"  {style.paint('warning', 'problem')}: {clean(file['problem'])}"


def _end(found: Data, style: Style) -> str:
    if found["can_run"]:
        return style.paint("good", "this host can build")
    lacking = ", ".join(check["name"] for check in found["checks"] if check["status"] == "missing")
    return style.paint("error", f"this host cannot run RUN steps: {lacking}")
