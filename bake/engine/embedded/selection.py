"""What a COPY reads, on its way to the helper. Paths inside trees travel as bytes: they need not be UTF-8."""

from __future__ import annotations

import os

import msgspec
from msgspec.structs import replace

from bake.engine.embedded.message import Message
from bake.plan.select import Item, Root
from bake.plan.step import WrittenFile
from bake.plan.tree import Entry


class States(Message, tag="states", frozen=True):
    """A state of the store: its layer directories, bottom first."""

    layers: tuple[str, ...]


class HostFiles(Message, tag="host", frozen=True):
    """A directory of this host."""

    root: str


class Written(Message, tag="written", frozen=True):
    """Files given inline."""

    files: tuple[WrittenFile, ...]


class OneFile(Message, tag="one", frozen=True):
    """The bytes at `path`, named `name`."""

    path: str
    name: str


Source = States | HostFiles | Written | OneFile


class Pick(msgspec.Struct, frozen=True, array_like=True):
    """An `Item` on its way."""

    path: bytes
    to: bytes
    link: bytes
    entry: Entry


class Chosen(msgspec.Struct, frozen=True, array_like=True):
    """A `Root` on its way."""

    name: bytes
    path: bytes
    entry: Entry
    items: tuple[Pick, ...]


def choose(root: Root) -> Chosen:
    """A root for the wire."""
    picks = tuple(Pick(_encode(i.path), _encode(i.to), _encode(i.entry.link), _bare(i.entry)) for i in root.items)
    return Chosen(_encode(root.name), _encode(root.path), _bare(root.entry), picks)


def chosen(wire: Chosen) -> Root:
    """A root from the wire."""
    items = tuple(
        Item(os.fsdecode(p.path), os.fsdecode(p.to), replace(p.entry, link=os.fsdecode(p.link)) if p.link else p.entry)
        for p in wire.items
    )
    return Root(os.fsdecode(wire.name), os.fsdecode(wire.path), wire.entry, items)


def _encode(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _bare(entry: Entry) -> Entry:
    return replace(entry, link="", hard="", timed=False) if entry.link or entry.hard or entry.timed else entry
