"""`--set PATTERN.KEY=VALUE`: one argument → a pattern and a layer of one key (SPEC §2).

The key is the first part that the key table knows, so a pattern may hold dots. A list takes one entry in comma form, or
names split at commas, or a TOML array; `+=` appends. A table takes `KEY.NAME=VALUE`, or a TOML inline table.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from bake.errors import Diagnostic
from bake.spec.atoms import AXIS, COMMAND, ULIMIT
from bake.spec.conditions import Conditions, meets, split_conditions
from bake.spec.document import Number, Place
from bake.spec.keys import ALL_TARGET_KEYS, Key
from bake.spec.layer import Layer, Written, check_unset, find_key, read_list, read_written
from bake.spec.leaf import Leaf, read_leaf
from bake.spec.report import Report
from bake.spec.scope import argument
from bake.spec.template import TemplateError

_LEFT = re.compile(r"((?:\[[^\]]*\]|[^=\[])*?)(\+?)=(.*)", re.S)
_DOT = re.compile(r"\[[^\]]*\]|(\.)")


@dataclass(frozen=True, slots=True, eq=False)
class Override:
    """One `--set`. `pattern` is a target's name, or a glob over names; both also with conditions on axes."""

    pattern: str
    layer: Layer
    place: Place
    conditions: Conditions = field(default_factory=dict)

    @property
    def is_glob(self) -> bool:
        return any(char in self.pattern for char in "*?[")

    def matches(self, name: str, axes: Mapping[str, str]) -> bool:
        """Whether it is meant for the target of that full name. Globs also see the short name, but no templates."""
        if not meets(axes, self.conditions):
            return False
        short = name.rpartition(":")[2]
        if not self.is_glob:
            return self.pattern in (name, short)
        return not short.startswith("_") and (fnmatchcase(name, self.pattern) or fnmatchcase(short, self.pattern))


def read_overrides(texts: Sequence[str], names: Container[str], report: Report) -> tuple[Override, ...]:
    """The overrides in the order given; `names` are those of the declared targets."""
    found = (_read(text, names, report) for text in texts)
    return tuple(override for override in found if override is not None)


def _read(text: str, names: Container[str], report: Report) -> Override | None:
    match = _LEFT.fullmatch(text)
    if match is None:
        report.add(_finding(text, "bad-override", f"--set {text}: there is no `=`", "write PATTERN.KEY=VALUE"))
        return None
    left, plus, value = match.groups()
    splits = list(_splits(left))
    known = [at for at in splits if find_key(left[at + 1 :].partition(".")[0]) is not None]
    if not known:
        name = left[splits[-1] + 1 :] if splits else ""
        message = f"--set {text}: `{name}` is no key of a target" if splits else f"--set {text}: there is no key"
        hint = report.hint(name, ALL_TARGET_KEYS) if splits else "write PATTERN.KEY=VALUE"
        report.add(_finding(text, "unknown-key" if splits else "bad-override", message, hint))
        return None
    at = next((at for at in known if left[:at] in names), known[0])
    name, _, sub = left[at + 1 :].partition(".")
    place = argument("--set", text, (at + 1, len(left)), (match.start(3), len(text)))
    key = find_key(name)
    if key is None or not key.settable:
        report.add(Diagnostic("bad-override", f"--set cannot change `{name}`", place.key_span()))
        return None
    try:
        pattern, conditions = split_conditions(left[:at])
    except TemplateError as error:
        report.add(_finding(text, error.code, error.message, error.hint))
        return None
    layer = _layer(key, name, sub, bool(plus), value, place, report)
    return None if layer is None else Override(pattern, layer, place, conditions)


def _splits(left: str) -> Iterator[int]:
    """Offsets of the dots outside of brackets."""
    return (match.start() for match in _DOT.finditer(left) if match.group(1))


def _layer(key: Key, name: str, sub: str, append: bool, value: str, place: Place, report: Report) -> Layer | None:
    if sub and key.shape != "table":
        report.add(Diagnostic("bad-override", f"`{name}` is no table, so it has no `{sub}`", place.key_span()))
        return None
    if append and key.shape == "scalar":
        report.add(Diagnostic("bad-override", f"`{name}` is no list, so nothing can be appended", place.key_span()))
        return None
    if key.shape == "list":
        leaves = _list(key, name, value, place, report)
        if leaves is None:
            return None
        if name == "unset":
            return _unset(leaves, place, report)
        if append or name != key.name:
            return Layer(place, extended={key.name: leaves})
        return Layer(place, assigned={name: leaves})
    written = _table(key, sub, value, place, report) if key.shape == "table" else _scalar(key, value, place, report)
    return None if written is None else Layer(place, assigned={name: written})


def _scalar(key: Key, value: str, place: Place, report: Report) -> Written | None:
    return read_leaf(value, key.atom, place, report, key.name, coerce=True)


def _list(key: Key, name: str, value: str, place: Place, report: Report) -> tuple[Leaf, ...] | None:
    if value.lstrip().startswith("["):
        raw = _toml(value, place, report)
        return None if raw is None else read_list(key, raw, place, report, name)
    if key.atom is COMMAND:
        report.add(
            Diagnostic("bad-override", f"`{name}` needs a TOML array", place.span(), f"for example {key.example}")
        )
        return None
    whole = key.atom.entry is not None or key.atom is ULIMIT or "${" in value
    elements = [value] if whole else [part.strip() for part in value.split(",")]
    leaves = (read_leaf(part, key.atom, place, report, name, coerce=True) for part in elements if part)
    return tuple(leaf for leaf in leaves if leaf is not None)


def _table(key: Key, sub: str, value: str, place: Place, report: Report) -> Written | None:
    if not sub:
        return _whole_table(key, value, place, report)
    atom = key.fields.get(sub) if key.fields else key.atom
    if atom is None:
        hint = report.hint(sub, tuple(key.fields))
        report.add(Diagnostic("unknown-key", f"unknown key `{sub}` in `{key.name}`", place.key_span(), hint))
        return None
    raw: Any = value
    if atom is AXIS:
        raw = _toml(value, place, report) if value.lstrip().startswith("[") else [v.strip() for v in value.split(",")]
    leaf = None if raw is None else read_leaf(raw, atom, place, report, f"{key.name}.{sub}", coerce=True)
    return None if leaf is None else {sub: leaf}


def _whole_table(key: Key, value: str, place: Place, report: Report) -> Written | None:
    if not value.lstrip().startswith("{"):
        message = f"`{key.name}` is a table"
        hint = f'write {key.name}.NAME=VALUE, or {key.name}={{ NAME = "VALUE" }}'
        report.add(Diagnostic("bad-override", message, place.span(), hint))
        return None
    raw = _toml(value, place, report)
    return None if raw is None else read_written(key, raw, place, report)


def _toml(value: str, place: Place, report: Report) -> Any:
    try:
        return tomllib.loads(f"value = {value}", parse_float=Number)["value"]
    except (ValueError, RecursionError) as error:
        reason = str(error).partition(" (at ")[0]
        report.add(Diagnostic("bad-override", f"the value is not TOML: {reason}", place.span()))
        return None


def _unset(leaves: Sequence[Leaf], place: Place, report: Report) -> Layer:
    findings = [check_unset(str(leaf.raw), place) for leaf in leaves]
    report.extend(finding for finding in findings if finding is not None)
    return Layer(place, unset=tuple(str(leaf.raw) for leaf, bad in zip(leaves, findings, strict=True) if bad is None))


def _finding(text: str, code: str, message: str, hint: str | None) -> Diagnostic:
    return Diagnostic(code, message, argument("--set", text, (0, len(text))).span(), hint)
