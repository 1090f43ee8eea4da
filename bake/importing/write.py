"""A draft → the text of a bake.toml, with the comments of the source where they were."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.items import Array, Item, Key, SingleKey, String, StringType, Trivia
from tomlkit.items import Table as TomlTable

from bake.importing.draft import Draft, Table

_WIDTH = 100
"""Longer lists and tables take several lines."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def write(draft: Draft) -> str:
    """The whole file."""
    sections = []
    if draft.above:
        sections.append("".join(_comment(line) + "\n" for line in draft.above))
    if draft.variables:
        sections.append(_section(("variable",), _variables(draft)))
    if draft.groups:
        sections.append(_section(("group",), _groups(draft)))
    for name, table in draft.targets.items():
        sections.append(_section(("target", name), _target(table), table.above))
    if draft.below:
        sections.append("".join(_comment(line) + "\n" for line in draft.below))
    return "\n".join(sections)


def _section(path: tuple[str, ...], table: TomlTable, above: tuple[str, ...] = ()) -> str:
    """A table under its header, comments above it."""
    header = ".".join(_key(name).as_string() for name in path)
    return "".join(_comment(line) + "\n" for line in above) + f"[{header}]\n" + tomlkit.dumps(table)


def _variables(draft: Draft) -> TomlTable:
    written = tomlkit.table()
    for name, table in draft.variables.items():
        _comments(written, table.above)
        values = {key: item.value for key, item in table.items.items()}
        beside = table.items["default"].beside if "default" in table.items else ""
        _put(written, name, values["default"] if set(values) == {"default"} else values, beside)
    return written


def _groups(draft: Draft) -> TomlTable:
    written = tomlkit.table()
    for name, table in draft.groups.items():
        item = table.items["targets"]
        _comments(written, (*table.above, *item.above))
        about = table.value("description")
        value = {"targets": item.value, "description": about} if about else item.value
        _put(written, name, value, item.beside)
    return written


def _target(table: Table) -> TomlTable:
    written = tomlkit.table()
    for name, item in table.items.items():
        _comments(written, item.above)
        if isinstance(item.value, dict) and _is_long(name, item.value):
            for key, value in item.value.items():
                written.append(_dotted(name, key), _value(value))
        else:
            _put(written, name, item.value, item.beside)
    return written


def _put(written: TomlTable, name: str, value: Any, beside: str) -> None:
    made = _value(value)
    if beside and not (isinstance(made, Array) and "\n" in made.as_string()):
        made.comment(_clean(beside))
    elif beside:
        written.add(tomlkit.comment(_clean(beside)))
    written.append(_key(name), made)


def _comments(written: TomlTable, lines: tuple[str, ...]) -> None:
    for line in lines:
        written.add(tomlkit.comment(_clean(line)))


def _comment(line: str) -> str:
    return f"# {_clean(line)}".rstrip()


def _clean(line: str) -> str:
    """TOML has no control characters in comments."""
    return _CONTROL.sub(" ", line.replace("\n", " ").replace("\t", " "))


def _key(name: str) -> Key:
    return SingleKey(name)


def _dotted(*names: str) -> Key:
    return tomlkit.key(list(names))


def _is_long(name: str, value: Mapping[str, Any]) -> bool:
    return len(value) > 3 or len(name) + len(_inline(value).as_string()) > _WIDTH or any(
        isinstance(each, str) and "\n" in each for each in value.values()
    )  # fmt: skip


def _value(value: Any) -> Item:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return _inline(value)
    if isinstance(value, list):
        return _list(value)
    made: Item = tomlkit.item(value)
    return made


def _inline(value: Mapping[str, Any]) -> Item:
    """With a blank inside of the braces, as people write it."""
    pairs = (f"{_key(key).as_string()} = {_short(each).as_string()}" for key, each in value.items())
    made = tomlkit.value("{ " + ", ".join(pairs) + " }" if value else "{}")
    assert isinstance(made, Item)
    return made


def _short(value: Any) -> Item:
    return tomlkit.string(value) if isinstance(value, str) else _value(value)


def _list(value: list[Any]) -> Array:
    array = tomlkit.array()
    for each in value:
        array.append(_short(each))
    if len(array.as_string()) > _WIDTH:
        array.multiline(True)
    return array


def _text(value: str) -> String:
    """Several lines stay several lines; with backslashes in literal form, as far as that is possible."""
    if "\n" not in value or _CONTROL.search(value):
        return tomlkit.string(value)
    if "\\" in value and "'''" not in value and not value.endswith("'"):
        return String(StringType.MLL, value, "\n" + value, Trivia())
    shown = value.replace("\\", "\\\\").replace('"""', '""\\"')
    if shown.endswith('"'):
        shown = shown[:-1] + '\\"'
    return String(StringType.MLB, value, "\n" + shown, Trivia())
