"""JSON schemas of what bake writes for machines, made from the structs of `events.py`.

`python -m bake.render.schema [DIR]` writes them, by default into schemas/.
`report` is `--report FILE.json` and `bake build --json`; `events` is one line of `--progress json`; `plan` is
`bake plan --json`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bake.events import Event, Report
from bake.solve.planned import PlanReport

_ABOUT: Mapping[str, tuple[Any, str, str]] = {
    "report": (Report, "bake report", "What a run of bake came to."),
    "events": (Event, "bake event", "One line of `bake --progress json`."),
    "plan": (PlanReport, "bake plan", "What `bake plan --json` prints: steps, what would come of them, and why."),
}
KINDS = tuple(_ABOUT)


def schema(kind: str) -> dict[str, Any]:
    """The schema, draft 2020-12. Later versions may add properties, so that unknown ones are allowed."""
    type, title, description = _ABOUT[kind]
    (found,), components = msgspec.json.schema_components([type], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{kind}.schema.json",
        "title": title,
        "description": description,
        **found,
        "$defs": components,
    }


def text_of(kind: str) -> str:
    """The schema as its file in schemas/ holds it."""
    return json.dumps(schema(kind), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    directory = sys.argv[1] if len(sys.argv) > 1 else "schemas"
    for each in KINDS:
        Path(directory, f"{each}.schema.json").write_text(text_of(each), encoding="utf-8")
