"""A layer: what one place (a target, `[defaults]`, a profile, `--set`) says about targets; and how layers merge.

The one merge rule of SPEC §1: a scalar or a list replaces, a table merges by key, `extend-KEY` appends, `unset`
removes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bake.errors import Diagnostic
from bake.spec.document import Place
from bake.spec.keys import ALL_TARGET_KEYS, EXTEND, TARGET_KEYS, Key, describe
from bake.spec.leaf import Leaf, read_leaf
from bake.spec.report import Report, did_you_mean

Written = Leaf | Mapping[str, Leaf] | tuple[Leaf, ...]
"""By the shape of the key: scalar, table, list."""
Merged = Mapping[str, Written]
"""All keys of a target, in the order first written."""
_SHORT = 100
"""Characters of a value that a hint writes out as it should be."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Within one layer `unset` comes first, then what is assigned, then what is appended."""

    place: Place
    assigned: Mapping[str, Written] = field(default_factory=dict)
    extended: Mapping[str, tuple[Leaf, ...]] = field(default_factory=dict)
    unset: tuple[str, ...] = ()


def merge(below: Merged, layer: Layer) -> Merged:
    """`layer` laid over `below`; neither is changed."""
    merged = dict(below)
    for path in layer.unset:
        _unset(merged, path)
    for name, written in layer.assigned.items():
        if TARGET_KEYS[name].shape == "table":
            written = {**merged.get(name, {}), **written}  # type: ignore[dict-item]
        merged[name] = written
    for name, leaves in layer.extended.items():
        merged[name] = (*merged.get(name, ()), *leaves)  # type: ignore[misc]
    return merged


def _unset(merged: dict[str, Written], path: str) -> None:
    name, dot, rest = path.partition(".")
    table = merged.get(name)
    if not dot:
        merged.pop(name, None)
    elif isinstance(table, Mapping):
        merged[name] = {key: leaf for key, leaf in table.items() if key != rest}


def read_layer(table: Mapping[str, Any], place: Place, report: Report, *, axes: frozenset[str] = frozenset()) -> Layer:
    """Checks the keys of a target's table; what is wrong is reported and left out. `axes` are passed over."""
    assigned: dict[str, Written] = {}
    extended: dict[str, tuple[Leaf, ...]] = {}
    unset: tuple[str, ...] = ()
    for name, raw in table.items():
        if name in axes:
            continue
        key, at = find_key(name), place / name
        if key is None:
            report.add(_unknown_key(name, at, axes, report))
        elif name == "unset":
            unset = _read_unset(raw, at, report)
        elif name != key.name:
            extended[key.name] = read_list(key, raw, at, report, name)
        else:
            written = read_written(key, raw, at, report)
            if written is not None:
                assigned[name] = written
    return Layer(place, assigned, extended, unset)


def find_key(name: str) -> Key | None:
    """The row of a key, or of the list that an `extend-KEY` appends to."""
    key = TARGET_KEYS.get(name)
    if key is None and name.startswith(EXTEND):
        key = TARGET_KEYS.get(name[len(EXTEND) :])
        if key is not None and (key.shape != "list" or key.name == "unset"):
            return None
    return key


def read_written(key: Key, raw: Any, place: Place, report: Report) -> Written | None:
    """One key's value by its shape."""
    match key.shape:
        case "scalar":
            return read_leaf(raw, key.atom, place, report, key.name)
        case "list":
            return read_list(key, raw, place, report, key.name)
        case "table":
            return read_table(key, raw, place, report)


def read_list(key: Key, raw: Any, place: Place, report: Report, name: str) -> tuple[Leaf, ...]:
    """The elements of a list key that are right."""
    if not isinstance(raw, list):
        hint = f"for example {key.example}" if key.example else None
        if isinstance(raw, str) and str in key.atom.types and len(raw) <= _SHORT:
            hint = f"write {name} = [{_written(raw)}]"
        message = f"`{name}` must be a list, each element {key.atom.says}, not {describe(raw)}"
        report.add(Diagnostic("wrong-type", message, place.span(), hint))
        return ()
    if key.most and len(raw) > key.most:
        message = f"`{name}` has {len(raw)} entries; more than {key.most} are not read"
        report.add(Diagnostic("matrix-too-large", message, place.early_key_span()))
        return ()
    if raw and all(isinstance(each, str) for each in raw) and str not in key.atom.types and list in key.atom.types:
        message = f"`{name}` must be a list, each element {key.atom.says}, not a list of texts"
        shown = _written(raw)
        hint = f"write {name} = [{shown}]" if len(shown) <= _SHORT else f"for example {key.example}"
        report.add(Diagnostic("wrong-type", message, place.span(), hint))
        return ()
    leaves = (
        read_leaf(element, key.atom, place / index, report, f"{name}[{index}]") for index, element in enumerate(raw)
    )
    return tuple(leaf for leaf in leaves if leaf is not None)


def read_table(key: Key, raw: Any, place: Place, report: Report) -> dict[str, Leaf]:
    """The entries of a table key that are right. Annotations may be the peer's list of `key=value`."""
    if key.name == "annotations" and isinstance(raw, list):
        return _read_annotations(key, raw, place, report)
    if not isinstance(raw, dict):
        message = f"`{key.name}` must be a table, each value {key.atom.says}, not {describe(raw)}"
        report.add(Diagnostic("wrong-type", message, place.span(), f"for example {key.example}"))
        return {}
    found: dict[str, Leaf] = {}
    for name, value in raw.items():
        at = place / name
        if "\0" in name:
            report.add(Diagnostic("bad-value", f"a name in `{key.name}` holds a NUL character", at.key_span()))
            continue
        atom = key.fields.get(name) if key.fields else key.atom
        if atom is None:
            hint = report.hint(name, tuple(key.fields))
            report.add(Diagnostic("unknown-key", f"unknown key `{name}` in `{key.name}`", at.key_span(), hint))
            continue
        leaf = read_leaf(value, atom, at, report, f"{key.name}.{name}")
        if leaf is not None:
            found[name] = leaf
    return found


def _read_annotations(key: Key, raw: list[Any], place: Place, report: Report) -> dict[str, Leaf]:
    found: dict[str, Leaf] = {}
    for index, element in enumerate(raw):
        at = place / index
        name, equals, value = element.partition("=") if isinstance(element, str) else ("", "", "")
        if not equals or not name:
            report.add(Diagnostic("bad-value", "an annotation in a list is written `key=value`", at.span()))
            continue
        leaf = read_leaf(value, key.atom, at, report, f"annotations[{index}]")
        if leaf is not None:
            found[name] = leaf
    return found


def _read_unset(raw: Any, place: Place, report: Report) -> tuple[str, ...]:
    paths = []
    for leaf in read_list(TARGET_KEYS["unset"], raw, place, report, "unset"):
        finding = check_unset(str(leaf.raw), leaf.place)
        if finding is not None:
            report.add(finding)
        else:
            paths.append(str(leaf.raw))
    return tuple(paths)


def check_unset(path: str, place: Place) -> Diagnostic | None:
    """What is wrong with one element of `unset`."""
    name, dot, _ = path.partition(".")
    key = TARGET_KEYS.get(name)
    if key is None or name in ("unset", "inherits"):
        hint = did_you_mean(name, tuple(TARGET_KEYS))
        return Diagnostic("unknown-key", f"`unset` names `{name}`, which is no key of a target", place.span(), hint)
    if dot and key.shape != "table":
        return Diagnostic("bad-value", f"`{name}` is no table, so `{path}` cannot be unset", place.span(), f'"{name}"')
    return None


def _unknown_key(name: str, place: Place, axes: frozenset[str], report: Report) -> Diagnostic:
    hint = report.hint(name, (*sorted(axes), *ALL_TARGET_KEYS))
    if name == "depends_on":
        hint = "write `after` for order alone, `contexts` to use the other's image"
    return Diagnostic("unknown-key", f"unknown key `{name}`", place.key_span(), hint)


def _written(value: Any) -> str:
    """A text or a list of texts as TOML has it."""
    import json

    return json.dumps(value, ensure_ascii=False)
