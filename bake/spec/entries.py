"""Entries: the elements of `output`, `cache-*`, `secret`, `ssh` and `attest`, as tables or in the peer's comma form.

The comma form is one CSV record of `key=value` fields (reference/buildx-bake.md §6). Both forms end in the same table,
so a key means the same wherever it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bake.spec.atoms import Atom
from bake.spec.report import did_you_mean
from bake.spec.values import Refused

_PLATFORM = re.compile(r"^([a-z-]+)\[[^\]]*\]\.")


@dataclass(frozen=True, slots=True)
class Field:
    """One key of an entry. `types`: the entry types that have it, none = all; `sensitive`: never shown."""

    name: str
    atom: Atom
    help: str
    types: tuple[str, ...] = ()
    sensitive: bool = False
    needed: bool = False
    """Whether an entry of one of `types` cannot do without it."""


@dataclass(frozen=True)
class Entry:
    """The form of one key's entries. `short` reads a comma form that is no list of `key=value`, else gives None."""

    fields: tuple[Field, ...]
    types: tuple[str, ...] = ()
    default_type: str | None = None
    required: tuple[str, ...] = ()
    short: Callable[[str], dict[str, Any] | None] = lambda _: None
    identity: tuple[str, ...] = ()
    """The keys by which a later entry takes the place of an earlier one; none: the whole entry."""
    aliases: tuple[tuple[str, str], ...] = ()

    def field(self, name: str) -> Field | None:
        """The field called `name`; one declared as `annotation.*` stands for all names that start so.

        A platform in brackets (`annotation[linux/arm64].KEY`) makes no other field of it.
        """
        name = _PLATFORM.sub(r"\1.", name)
        for field in self.fields:
            if field.name == name or (field.name.endswith(".*") and name.startswith(field.name[:-1])):
                return field
        return None

    def names(self, type_: object = None) -> list[str]:
        """The keys that an entry of that type may have; of any type for None."""
        return [f.name for f in self.fields if type_ is None or not f.types or type_ in f.types]


def read_entry(entry: Entry, written: object) -> dict[str, object]:
    """The checked table of an entry. Raises Refused; its `others` are further problems of the same entry."""
    table = dict(written) if isinstance(written, Mapping) else _from_text(entry, str(written))
    for alias, name in entry.aliases:
        if alias in table:
            if name in table:
                raise Refused(f"`{alias}` and `{name}` are the same key", at=(alias,), key=True, code="duplicate-key")
            table = {name if key == alias else key: value for key, value in table.items()}
    if entry.default_type is not None:
        table.setdefault("type", entry.default_type)
    found: dict[str, object] = {}
    problems: list[Refused] = []
    for name, value in table.items():
        try:
            found[name] = _read_field(entry, table, name, value)
        except Refused as problem:
            problem.at = problem.at or (name,)
            problems.append(problem)
    problems += _missing(entry, table)
    if problems:
        problems[0].others = tuple(problems[1:])
        raise problems[0]
    return found


def _read_field(entry: Entry, table: Mapping[str, object], name: str, value: object) -> object:
    type_ = table.get("type") if entry.types else None
    known_type = type_ if type_ in entry.types else None
    field = entry.field(name)
    if field is None:
        hint = did_you_mean(name, entry.names(known_type))
        raise Refused(f"unknown key `{name}`", code="unknown-key", hint=hint, key=True)
    if known_type is not None and field.types and known_type not in field.types:
        hint = f"it belongs to type {', '.join(field.types)}"
        raise Refused(f"`{name}` is no key of type {known_type}", code="unknown-key", hint=hint, key=True)
    if not isinstance(value, (*field.atom.types, str)) or (isinstance(value, bool) and bool not in field.atom.types):
        raise Refused(f"`{name}` must be {field.atom.says}", code="wrong-type")
    try:
        return field.atom.convert(value)
    except Refused as problem:
        problem.message = f"`{name}`: {problem.message}"
        raise


def _missing(entry: Entry, table: Mapping[str, object]) -> list[Refused]:
    wanted = {"type": ""} if entry.types else {}
    wanted |= dict.fromkeys(entry.required, "")
    wanted |= {f.name: f.help for f in entry.fields if f.needed and table.get("type") in f.types}
    return [
        Refused(f"the entry has no `{name}`{help and f': {help}'}", code="missing-key")
        for name, help in wanted.items()
        if name not in table
    ]


def _from_text(entry: Entry, text: str) -> dict[str, Any]:
    short = entry.short(text)
    if short is not None:
        return short
    found: dict[str, Any] = {}
    for part in _record(text):
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals:
            hint = f'fields are written `key=value`; or write a table: {{ {name} = "…" }}'
            raise Refused(f"'{part}' in '{text}' has no value", code="bad-entry", hint=hint)
        if name in found:
            raise Refused(f"`{name}` is given twice in '{text}'", code="duplicate-key")
        found[name] = value
    return found


def _record(text: str) -> Sequence[str]:
    if '"' not in text:
        return text.split(",")
    import csv

    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise Refused(f"'{text}' is not a list of fields: {error}", code="bad-entry") from None
    return rows[0] if rows else []


def replace_same(entry: Entry | None, found: Sequence[Any]) -> list[int]:
    """Indices of the elements to keep, in order, when of several with one identity the last one counts."""
    last: dict[object, int] = {}
    for index, element in enumerate(found):
        last[_identity(entry, element)] = index
    first: dict[object, int] = {}
    for element in found:
        first.setdefault(_identity(entry, element), len(first))
    return [last[identity] for identity in first]


def _identity(entry: Entry | None, element: Any) -> object:
    if not isinstance(element, Mapping):
        return element
    if entry is not None and entry.identity:
        return tuple(element.get(name) for name in entry.identity)
    return tuple(sorted((name, str(value)) for name, value in element.items()))
