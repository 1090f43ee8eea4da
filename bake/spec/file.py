"""One text of bake.toml → what it declares. Every finding is kept, so that all of them can be shown together."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from bake.errors import Diagnostic, InputError, Source
from bake.spec.atoms import PATH
from bake.spec.declarations import Group, Profile, SpecFile, Variable
from bake.spec.document import Document, Place, parse_document
from bake.spec.keys import GROUP_KEYS, PROFILE_KEYS, TARGET_KEYS, TOP_KEYS, VARIABLE_KEYS, describe
from bake.spec.layer import Layer, read_layer, read_list
from bake.spec.leaf import Leaf, read_leaf
from bake.spec.patterns import pattern_of
from bake.spec.report import Report

_T = TypeVar("_T")

TARGET_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
QUALIFIED_NAME = re.compile(rf"(?:[^:]*:)?{TARGET_NAME.pattern}")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESERVED_VARIABLES = frozenset({"git", "env", "target"})


@lru_cache(maxsize=1024)
def parse_file(source: Source, directory: str) -> SpecFile:
    """Parses and checks one file by itself; what is wrong is in `findings`. The same text is read once a process."""
    report = Report()
    try:
        document = parse_document(source, directory)
    except InputError as error:
        return SpecFile(source, directory, Document(source, directory, {}), findings=error.diagnostics)
    root = Place(document, ())
    data = document.data
    for name in data:
        if name not in TOP_KEYS:
            hint = report.hint(name, tuple(TOP_KEYS))
            if name in TARGET_KEYS:
                hint = f"`{name}` is a key of a target: write it below [target.NAME] or [defaults]"
            report.add(Diagnostic("unknown-key", f"unknown key `{name}`", (root / name).key_span(), hint))
    return SpecFile(
        source,
        directory,
        document,
        _includes(data.get("include", []), root / "include", report),
        read_variables(data.get("variable", {}), root / "variable", report),
        _layer(data.get("defaults"), root / "defaults", report),
        _groups(data.get("group", {}), root / "group", report),
        _targets(data.get("target", {}), root / "target", report),
        _named(data.get("profile", {}), root / "profile", report, TARGET_NAME, _profile),
        findings=tuple(report.sorted()),
    )


def _includes(raw: Any, place: Place, report: Report) -> tuple[Leaf, ...]:
    if not isinstance(raw, list):
        message = f"`include` must be a list of paths or globs, not {describe(raw)}"
        report.add(Diagnostic("wrong-type", message, place.span(), 'include = ["services/*/bake.toml"]'))
        return ()
    leaves = [read_leaf(element, PATH, place / i, report, f"include[{i}]") for i, element in enumerate(raw)]
    for leaf in leaves:
        if leaf is not None and not leaf.constant:
            report.add(Diagnostic("bad-value", "`include` cannot hold `${…}`", leaf.place.span()))
    return tuple(leaf for leaf in leaves if leaf is not None and leaf.constant)


def _named(
    raw: Any,
    place: Place,
    report: Report,
    names: re.Pattern[str],
    read: Callable[[str, Any, Place, Report], _T],
) -> dict[str, _T]:
    """A table of named things; names that cannot be are findings."""
    what = str(place.path[-1])
    if not isinstance(raw, dict):
        report.add(Diagnostic("wrong-type", f"`{what}` must be a table, not {describe(raw)}", place.span()))
        return {}
    found: dict[str, _T] = {}
    for name, value in raw.items():
        at = place / name
        if names is VARIABLE_NAME and name in RESERVED_VARIABLES:
            report.add(Diagnostic("invalid-name", f"`{name}` is a name of bake's own", at.key_span()))
        elif not names.fullmatch(name):
            report.add(
                Diagnostic("invalid-name", f"'{name}' cannot be the name of a {what}", at.key_span(), _RULES[names])
            )
        found[name] = read(name, value, at, report)
    return found


_TARGET_RULE = "letters, digits, `_`, `.` and `-`, not starting with `.` or `-`"
_RULES = {
    TARGET_NAME: _TARGET_RULE,
    QUALIFIED_NAME: _TARGET_RULE,
    VARIABLE_NAME: "letters, digits and `_`, not starting with a digit",
}


def read_variables(raw: Any, place: Place, report: Report) -> dict[str, Variable]:
    """`[variable]`; the short form is a default."""
    return _named(raw, place, report, VARIABLE_NAME, _variable)


def _variable(name: str, raw: Any, place: Place, report: Report) -> Variable:
    if not isinstance(raw, dict):
        leaf = read_leaf(raw, VARIABLE_KEYS["default"].atom, place, report, name)
        return Variable(name, place, {} if leaf is None else {"default": leaf})
    keys: dict[str, Leaf] = {}
    for key, value in raw.items():
        at = place / key
        row = VARIABLE_KEYS.get(key)
        if row is None:
            hint = report.hint(key, tuple(VARIABLE_KEYS))
            report.add(Diagnostic("unknown-key", f"unknown key `{key}` of a variable", at.key_span(), hint))
            continue
        leaf = read_leaf(value, row.atom, at, report, key)
        if leaf is not None and not leaf.constant and key not in ("default", "pattern", "help"):
            report.add(Diagnostic("bad-value", f"`{key}` of a variable cannot hold `${{…}}`", at.span()))
        elif leaf is not None:
            keys[key] = leaf if key == "default" else Leaf(value, row.atom, at, True, row.atom.convert(value))
    if "pattern" in keys and not _is_pattern(keys["pattern"], report):
        del keys["pattern"]
    return Variable(name, place, keys)


def _is_pattern(leaf: Leaf, report: Report) -> bool:
    try:
        pattern_of(leaf.value)
    except ValueError as error:
        message = f"`pattern` is no regular expression that can be used: {error}"
        report.add(Diagnostic("bad-pattern", message, leaf.place.span()))
        return False
    return True


def _groups(raw: Any, place: Place, report: Report) -> dict[str, Group]:
    return _named(raw, place, report, TARGET_NAME, _group)


def _group(name: str, raw: Any, place: Place, report: Report) -> Group:
    if name == "all":
        report.add(
            Diagnostic("invalid-name", "`all` always means every target", place.key_span(), "choose another name")
        )
    if not isinstance(raw, dict):
        return Group(name, place, read_list(GROUP_KEYS["targets"], raw, place, report, name))
    for key in raw:
        if key not in GROUP_KEYS:
            hint = report.hint(key, tuple(GROUP_KEYS))
            report.add(Diagnostic("unknown-key", f"unknown key `{key}` of a group", (place / key).key_span(), hint))
    if "targets" not in raw:
        hint = f'write {name} = ["…"]'
        report.add(Diagnostic("missing-key", f"group `{name}` has no `targets`", place.key_span(), hint))
    members = read_list(GROUP_KEYS["targets"], raw.get("targets", []), place / "targets", report, "targets")
    about = read_leaf(
        raw.get("description", ""), GROUP_KEYS["description"].atom, place / "description", report, "description"
    )
    return Group(name, place, members, "" if about is None else str(about.raw))


def _targets(raw: Any, place: Place, report: Report) -> dict[str, Layer]:
    if isinstance(raw, dict) and "all" in raw:
        message = "a target cannot be called `all`, which always means every target"
        report.add(Diagnostic("invalid-name", message, (place / "all").key_span(), "choose another name"))
    return _named(raw, place, report, QUALIFIED_NAME, _target)


def _target(_: str, raw: Any, place: Place, report: Report) -> Layer:
    return _layer(raw, place, report) or Layer(place)


def _layer(raw: Any, place: Place, report: Report) -> Layer | None:
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        message = f"`{place.path[-1]}` must be a table, not {describe(raw)}"
        report.add(Diagnostic("wrong-type", message, place.span()))
        return None
    return read_layer(raw, place, report)


def _profile(name: str, raw: Any, place: Place, report: Report) -> Profile:
    if not isinstance(raw, dict):
        report.add(Diagnostic("wrong-type", f"profile `{name}` must be a table, not {describe(raw)}", place.span()))
        return Profile(name, place)
    for key in raw:
        if key not in PROFILE_KEYS:
            hint = report.hint(key, tuple(PROFILE_KEYS))
            report.add(Diagnostic("unknown-key", f"unknown key `{key}` of a profile", (place / key).key_span(), hint))
    return Profile(
        name,
        place,
        read_variables(raw.get("variable", {}), place / "variable", report),
        _layer(raw.get("defaults"), place / "defaults", report),
        _groups(raw.get("group", {}), place / "group", report),
        _targets(raw.get("target", {}), place / "target", report),
    )
