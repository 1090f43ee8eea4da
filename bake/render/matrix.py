"""`bake matrix` in the forms that CI systems read."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol


class Row(Protocol):
    """See app.matrix."""

    @property
    def name(self) -> str: ...
    @property
    def level(self) -> int: ...
    @property
    def targets(self) -> tuple[str, ...]: ...
    @property
    def platforms(self) -> tuple[str, ...]: ...
    @property
    def why(self) -> str: ...


def matrix_json(rows: Sequence[Row]) -> str:
    """`{"version": 1, "levels": number, "jobs": [{"name", "level", "targets": […], "platforms": […], "why"}]}`."""
    jobs = [
        {"name": r.name, "level": r.level, "targets": list(r.targets), "platforms": list(r.platforms), "why": r.why}
        for r in rows
    ]
    return json.dumps({"version": 1, "levels": _levels(rows), "jobs": jobs}, indent=2) + "\n"


def matrix_github(rows: Sequence[Row]) -> str:
    """One line for `strategy.matrix: ${{ fromJSON(…) }}`: `{"include": [{"name", "level", "targets", "platforms"}]}`.

    `targets` and `platforms` are texts for a shell's command line, as an expression in a workflow can't join lists.
    """
    include = [
        {
            "name": row.name,
            "level": row.level,
            "targets": shlex.join(row.targets),
            "platforms": ",".join(row.platforms),
        }
        for row in rows
    ]
    return json.dumps({"include": include}, separators=(",", ":")) + "\n"


def matrix_gitlab(rows: Sequence[Row], template: str = "") -> str:
    """A child pipeline: a stage a level, a job a row. YAML of which every text is a JSON string.

    With `template`, a file of the project, each job extends the `.bake` of that file, and finds its targets in
    `BAKE_TARGETS`; without, its script is `bake build --push TARGETS`.
    """
    stages = [f"level-{level}" for level in range(_levels(rows))] or ["nothing"]
    lines = [f"stages: {json.dumps(stages)}"]
    if template:
        lines += ["include:", f"  - local: {json.dumps(template)}"]
    for row in rows:
        lines += [
            f"{json.dumps(row.name)}:",
            f"  stage: {json.dumps(f'level-{row.level}')}",
            "  variables:",
            f"    BAKE_TARGETS: {json.dumps(shlex.join(row.targets))}",
            *(
                ["  extends: .bake"]
                if template
                else ["  script:", f"    - {json.dumps(f'bake build --push {shlex.join(row.targets)}')}"]
            ),
        ]
    if not rows:  # a pipeline without jobs is refused
        lines += ['"nothing-to-build":', '  stage: "nothing"', "  script:", '    - "true"']
    return "\n".join(lines) + "\n"


def _levels(rows: Sequence[Row]) -> int:
    return max((row.level for row in rows), default=-1) + 1


FORMS: Mapping[str, Callable[..., Any]] = {"json": matrix_json, "github": matrix_github, "gitlab": matrix_gitlab}
