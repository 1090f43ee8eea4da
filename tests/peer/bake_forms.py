"""What the peer prints and what `bake print` prints, in one form: the same targets have the same values in it."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bake.oci.platform import parse_platform

HOST = str(parse_platform(f"linux/{os.uname().machine}"))
_UNORDERED = ("annotations", "no-cache-filter", "entitlements", "tags", "platforms", "ulimits")
_ENTRIES = ("cache-from", "cache-to", "secret", "ssh", "attest", "output")
_ESCAPED = ("annotations", "dockerfile-inline", "labels", "args", "extra-hosts")
"""What the peer prints as templates, with `${` as `$${` (reference/buildx-bake.md §3.2)."""
_UNIT = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def targets(printed: Mapping[str, Any], peer: bool) -> dict[str, dict[str, Any]]:
    """Every target, in the common form."""
    asked = _members(printed["group"] or {}, "default")
    return {name: _form(dict(row), name in asked, peer) for name, row in (printed["target"] or {}).items()}


def _members(groups: Mapping[str, Any], name: str, above: tuple[str, ...] = ()) -> set[str]:
    if name not in groups or name in above:
        return {name}
    return {each for member in groups[name]["targets"] or () for each in _members(groups, member, (*above, name))}


def _form(row: dict[str, Any], asked: bool, peer: bool) -> dict[str, Any]:
    if peer:
        row |= {key: _unescaped(row[key]) for key in _ESCAPED if key in row}
    if not asked and row.get("output") == [{"type": "cacheonly"}]:
        del row["output"]  # of one that another one is built on: nothing asks for its result
    if isinstance(row.get("annotations"), dict):
        row["annotations"] = [f"{key}={value}" for key, value in row["annotations"].items()]
    row.pop("axes", None)
    if "dockerfile-inline" in row:
        row.pop("dockerfile", None)  # is not read then
    row = {key: _value(key, value) for key, value in row.items()}
    return {key: value for key, value in row.items() if value not in ([HOST], ["local"], False, "", None)}


def _value(key: str, value: Any) -> Any:
    if key == "context":
        return _path(value)
    if (key, value) == ("network", "default"):
        return None
    if key == "contexts":
        return {name: _path(each) for name, each in value.items()}
    if key == "shm-size":
        return _size(value)
    if key == "ulimits":
        value = [each if ":" in each else f"{each}:{each.partition('=')[2]}" for each in value]
    if key in _ENTRIES:
        return sorted((_entry(key, each) for each in value), key=lambda each: sorted(map(str, each.items())))
    return sorted(value) if key in _UNORDERED else value


def _entry(key: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """All values as texts; a secret's type is what its other fields say; nothing is disabled that does not say so."""
    found = {name: _text(value) for name, value in row.items()}
    if key == "secret":
        found.pop("type", None)
        found |= {"src": _path(found["src"])} if "src" in found else {}
    return {name: value for name, value in found.items() if (name, value) != ("disabled", "false")}


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return [_text(each) for each in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _path(value: str) -> str:
    return value if ":" in value else posixpath.normpath(value)


def _size(value: int | str) -> int:
    if isinstance(value, int):
        return value
    found = re.fullmatch(r"([\d.]+)\s*([kmg]?)i?b?", value.lower())
    assert found is not None
    return int(float(found[1]) * _UNIT[found[2]])


def _unescaped(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _unescaped(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_unescaped(each) for each in value]
    return value.replace("$${", "${").replace("%%{", "%{")


def differences(peer: Mapping[str, Any], ours: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """Where the two differ: `TARGET.KEY` and, within tables, `TARGET.KEY.NAME`, with both values."""
    for name in sorted({*peer, *ours}):
        place, one, other = f"{at}.{name}".removeprefix("."), peer.get(name), ours.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from differences(one, other, place)
        elif one != other:
            yield f"{place}: {one!r} => {other!r}"
