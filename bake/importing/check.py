"""A last look: what the written file would be refused for is taken out of the draft again, with a note.

So every file that is written loads, and what bake does not take is told at the place it came from.
"""

from __future__ import annotations

from collections.abc import Mapping

from bake.errors import Diagnostic, InputError, Source
from bake.importing.draft import Draft
from bake.importing.notes import Notes
from bake.importing.write import write
from bake.spec.positions import Path, find_positions
from bake.spec.request import Request
from bake.spec.resolve import resolve
from bake.spec.workspace import Spec, load

_ROUNDS = 20
_ROOT = "/import/bake.toml"
_VALUE = "1"
_CONFLICTS = ("duplicate-tag", "duplicate-cache", "duplicate-output")


def checked(draft: Draft, notes: Notes) -> str:
    """The text of a draft that loads. Raises InputError when it cannot be made to."""
    found: tuple[Diagnostic, ...] = ()
    for _ in range(_ROUNDS):
        text = write(draft)
        found = _lasting(text, draft)
        if not found:
            _tell_rest(draft, text, notes)
            return text
        dropped = [_drop(draft, text, each, notes) for each in found]
        if not any(dropped):
            break
    raise InputError([Diagnostic(each.code, f"what was made of it does not load: {each.message}",
                                 notes.source.span(0)) for each in found])  # fmt: skip


def _empty(draft: Draft) -> dict[str, str]:
    """A value for each variable that has none: what is wrong without one need not be wrong with it."""
    return {name: _VALUE for name, table in draft.variables.items() if table.value("default") in (None, "")}


def _lasting(text: str, draft: Draft) -> tuple[Diagnostic, ...]:
    """What is wrong whether the variables without a value have one or not."""
    found = tuple(each for each in _findings(text, {}) if each.code not in _CONFLICTS)
    if not found:
        return ()
    with_values = {_path(text, each) for each in _findings(text, _empty(draft))}
    return tuple(each for each in found if _path(text, each) in with_values)


def _findings(text: str, variables: Mapping[str, str], names: tuple[str, ...] = ("all",)) -> tuple[Diagnostic, ...]:
    """`names` empty: what `bake` alone builds."""
    spec = load(_ROOT, {_ROOT: Source("bake.toml", text)}, {})
    assert isinstance(spec, Spec)
    private = tuple(name for name in spec.targets if name.startswith("_")) if names else ()
    try:
        if spec.targets:
            resolve(spec, Request(names=(*names, *private), variables=variables, platform="linux/amd64"))
    except InputError as error:
        return error.diagnostics
    return tuple(spec.findings)


def _path(text: str, finding: Diagnostic) -> Path:
    """What a finding is about: the innermost key whose name or value holds its place."""
    span = finding.span
    if span is None:
        return ()
    at = sum(len(line) for line in text.splitlines(keepends=True)[: span.line - 1]) + span.column - 1
    positions = find_positions(text)
    ranges = [*positions.keys.items(), *positions.values.items()]
    holding = [path for path, (start, end) in ranges if start <= at < end or start == at]
    return max(holding, key=len, default=())


def _drop(draft: Draft, text: str, finding: Diagnostic, notes: Notes) -> bool:
    path = _path(text, finding)
    tables = {"variable": draft.variables, "group": draft.groups, "target": draft.targets}.get(
        str(path[0]) if path else ""
    )
    if tables is None or len(path) < 2 or path[1] not in tables:
        return False
    name, rest = str(path[1]), path[2:]
    table = tables[name]
    shown = f"{path[0]} `{name}`"
    if not rest or str(rest[0]) not in table.items or path[0] == "variable":
        notes.add(finding.code, table.at, f"{shown} is left out: {finding.message}", finding.hint)
        del tables[name]
        return True
    key = str(rest[0])
    item = table.items[key]
    within = rest[1:]
    notes.add(finding.code, item.at, f"{shown}: `{_shown(rest)}` is left out: {finding.message}", finding.hint)
    if not within or not isinstance(item.value, dict | list) or len(item.value) < 2:
        del table.items[key]
    elif isinstance(item.value, dict):
        item.value = {each: value for each, value in item.value.items() if each != within[0]}
    else:
        item.value = [value for at, value in enumerate(item.value) if at != within[0]]
    return True


def _shown(path: Path) -> str:
    return "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path).removeprefix(".")


def _tell_rest(draft: Draft, text: str, notes: Notes) -> None:
    """What only a run can be refused for: two targets that claim one tag (the peer lets the last one win), and values
    that are wrong as long as a variable is empty."""
    for finding in _findings(text, {}, ()):
        path = _path(text, finding)
        table = draft.targets.get(str(path[1])) if len(path) > 1 else None
        item = table.items.get(str(path[2])) if table is not None and len(path) > 2 else None
        at = item.at if item is not None else table.at if table is not None else 0
        if finding.code in _CONFLICTS:
            notes.add(finding.code, at, finding.message, finding.hint)
        else:
            hint = "give its variables a default, or a value with --var or by the environment"
            notes.add("needs-value", at, f"as long as no variable says more: {finding.message}", hint)
