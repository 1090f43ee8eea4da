"""Groups, as bake wants them: no member that is not there, no circle, no name that a target has."""

from __future__ import annotations

from collections.abc import Container

from bake.importing.draft import Draft, Table
from bake.importing.notes import Notes

_ALL = "all"


def settle_groups(draft: Draft, targets: Container[str], notes: Notes) -> None:
    """`targets`: the names of all targets, those in matrices too."""
    renamed = {name: _free(draft, targets, name) for name in draft.groups if name == _ALL or name in targets}
    for name, new in renamed.items():
        why = "`all` always means every target" if name == _ALL else "a target is called so too"
        notes.add("renamed", draft.groups[name].at, f"group `{name}` is called `{new}` in bake.toml: {why}")
    in_order = sorted(draft.groups.items(), key=lambda each: each[1].at)
    groups = {renamed.get(name, name): table for name, table in in_order}
    for name, table in groups.items():
        item = table.items["targets"]
        kept = []
        for member in item.value:
            called = renamed.get(member, member) if member not in targets else member
            if called in groups or called in targets or "${" in called:
                kept.append(called)
            else:
                notes.add(
                    "unknown-member", item.at, f"group `{name}` names `{member}`, which is not defined; it is left out"
                )
        item.value = kept
    _cut_circles(groups, notes)
    draft.groups = groups


def _free(draft: Draft, targets: Container[str], name: str) -> str:
    new = f"{name}-group"
    while new in targets or new in draft.groups:
        new += "-"
    return new.rstrip("-") if new.rstrip("-") not in draft.groups and new.rstrip("-") not in targets else new + "2"


def _cut_circles(groups: dict[str, Table], notes: Notes) -> None:
    for name, table in groups.items():
        item = table.items["targets"]
        for member in list(item.value):
            if member in groups and (member == name or name in _reached(groups, member)):
                notes.add(
                    "group-cycle", item.at, f"groups `{name}` and `{member}` hold each other; `{member}` is left out"
                )
                item.value.remove(member)


def _reached(groups: dict[str, Table], name: str) -> set[str]:
    found: set[str] = set()
    todo = [name]
    while todo:
        each = todo.pop()
        if each in groups and each not in found:
            found.add(each)
            todo += groups[each].value("targets")
    return found | {member for each in found for member in groups[each].value("targets")}
