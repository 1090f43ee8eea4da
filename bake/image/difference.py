"""What differs between two images: files by the layer that brought them, and values of the config. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from bake.plan.tree import Entry, Listing, sort_key, stack

_ASPECTS = ("kind", "mode", "uid", "gid", "digest", "link", "device", "xattrs")
_WORDS = {"kind": "type", "digest": "content", "uid": "owner", "gid": "group"}
_KINDS = {"f": "file", "d": "directory", "l": "link", "c": "device", "b": "device", "p": "fifo", "s": "socket"}
_NOT_COMPARED = frozenset({"created", "history", "rootfs"})
_SPELLED = {"Env": "ENV", "Labels": "LABEL"}


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """A path that differs. `aspects` say in what, with values where they are short: `content`, `mode 644 → 600`.

    `layer` is the number, from 1, of the layer that brought it: of the second image, for what is removed of the first.
    `size` in bytes of a file, the second image's where it has it.
    """

    kind: Literal["added", "changed", "removed"]
    path: str
    layer: int
    type: str = "file"
    size: int = 0
    aspects: tuple[str, ...] = ()


class Value(msgspec.Struct, frozen=True):
    """A value of the config: `name` is `ENV PATH`, `Cmd`, `architecture`; None where one has none."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Layered:
    """An image to compare: its config document, and for each layer, bottom first, its changes, who it is, what made it.

    `ids` tell which layers are the same in both images.
    """

    config: Mapping[str, Any] = field(repr=False)
    listings: tuple[Listing, ...] = field(repr=False)
    ids: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()


def changes(before: Layered, after: Layered) -> tuple[Change, ...]:
    """The paths that differ in what a container sees, in canonical order. Times are no difference."""
    one, two = stack(before.listings), stack(after.listings)
    paths = sorted({*one, *two}, key=sort_key)
    return tuple(found for path in paths if path for found in _compared(path, one, two, before, after))


def _compared(
    path: str, one: Mapping[str, Entry], two: Mapping[str, Entry], before: Layered, after: Layered
) -> Iterator[Change]:
    old, new = one.get(path), two.get(path)
    if old is None and new is not None:
        yield Change("added", path, _layer_of(path, after), _KINDS.get(new.kind, new.kind), new.size)
    elif new is None and old is not None:
        yield Change("removed", path, _layer_of(path, before), _KINDS.get(old.kind, old.kind), old.size)
    elif old is not None and new is not None and (aspects := _aspects(old, new)):
        yield Change("changed", path, _layer_of(path, after), _KINDS.get(new.kind, new.kind), new.size, aspects)


def _aspects(old: Entry, new: Entry) -> tuple[str, ...]:
    found = []
    for name in _ASPECTS:
        mine, theirs = getattr(old, name), getattr(new, name)
        if mine == theirs or (name in ("digest", "link") and old.kind != new.kind):
            continue
        if name == "link" and new.kind == "f":  # which of two names is the link is chance
            continue
        told = {"mode": (f"{mine:o}", f"{theirs:o}") if name == "mode" else (), "digest": (), "xattrs": ()}
        values = told.get(name, (str(mine), str(theirs)))
        found.append(" ".join([_WORDS.get(name, name), " → ".join(values)]).rstrip())
    return tuple(found)


def _layer_of(path: str, image: Layered) -> int:
    """The topmost layer that has the path."""
    numbers = range(len(image.listings), 0, -1)
    return next((n for n in numbers if (row := image.listings[n - 1].get(path)) and row.kind != "w"), 0)


def shared(before: Layered, after: Layered) -> int:
    """How many layers, from the bottom, are the same."""
    pairs = zip(before.ids, after.ids, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if not a or a != b), min(len(before.ids), len(after.ids)))


def values(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Value, ...]:
    """Values of the configs that differ. Times, history and layers are not compared here."""
    one, two = dict(_flat(before)), dict(_flat(after))
    return tuple(Value(n, one.get(n), two.get(n)) for n in sorted({*one, *two}) if one.get(n) != two.get(n))


def _flat(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from ((name, value) for name, value in config.items() if name not in _NOT_COMPARED and name != "config")
    for name, value in _mapping(config.get("config")).items():
        if name == "Env" and isinstance(value, Sequence):
            yield from ((f"ENV {key}", text) for key, _, text in (str(each).partition("=") for each in value))
        elif isinstance(value, Mapping) and name != "Healthcheck":
            yield from ((f"{_SPELLED.get(name, name)} {key}", inner) for key, inner in value.items())
        elif value not in (None, "", [], {}):
            yield name, value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
