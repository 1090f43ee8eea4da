"""Which files of a directory a front end asks for, and just those (pure): `include`, `exclude` and paths to follow.

Patterns are as in ignore files; of a path to follow, each link on the way comes along (reference/buildkit-grpc.md §3).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from bake.dockerfile.ignore import Matcher
from bake.engine.buildkit.sent import Sent, SentFile
from bake.plan.links import TooManyLinks, follow
from bake.plan.tree import Entry


@dataclass(frozen=True, slots=True)
class Asked:
    """`include` empty: everything; a path to follow is one to include."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    follow: tuple[str, ...] = ()


def asked_of(metadata: Any) -> Asked:
    """What a call asks for in its metadata."""
    return Asked(*(_values(metadata, key) for key in ("include-patterns", "exclude-patterns", "followpaths")))


def _values(metadata: Any, key: str) -> tuple[str, ...]:
    found = tuple(map(str, metadata.getall(key, ()) if metadata is not None else ()))
    encoded = metadata is not None and metadata.get(f"{key}-encoded") == "1"
    return tuple(map(unquote_plus, found)) if encoded else found


def narrowed(sent: Sent, asked: Asked) -> Sent:
    """The files that are asked for, with their directories. Raises ValueError for a malformed pattern."""
    entries = {file.path: file.entry for file in sent.files}
    kept = set(entries)
    include = [*asked.include, *(path for each in asked.follow for path in _followed(entries, each))]
    if include and not any(each.strip("/.") == "" for each in include):
        wanted = Matcher([each.strip("/") for each in include])
        kept = {path for path in entries if wanted.ignored(path)}
    if asked.exclude:
        unwanted = Matcher(asked.exclude)
        kept = {path for path in kept if not unwanted.ignored(path)}
    kept |= {parent for path in kept for parent in _parents(path)}
    return replace(sent, files=tuple(_alone(file, kept) for file in sent.files if file.path in kept))


def _alone(file: SentFile, kept: set[str]) -> SentFile:
    """A second name of a file is the file itself where the first is left out."""
    if file.entry.kind == "f" and file.entry.link and file.entry.link not in kept:
        return replace(file, entry=msgspec.structs.replace(file.entry, link=""))
    return file


def _followed(entries: dict[str, Entry], path: str) -> list[str]:
    """The path and, where it goes over links, what these are and where they lead; none lies behind a wildcard."""
    found = [path]

    def link(here: str) -> str | None:
        entry = entries.get(here)
        if entry is None or entry.kind != "l":
            return None
        found.append(here)
        return entry.link

    with suppress(TooManyLinks):
        found.append(follow(link, path))
    return found


def _parents(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path
