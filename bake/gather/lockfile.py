"""bake.lock as data: what each input from outside was when it was locked (SPEC §2, `bake lock`).

One table an input, `[image."docker.io/library/python:3.12"]`, whose keys say what it is pinned to: an image's `digest`
is what its tag pointed at, and a key a platform is the manifest for it; a git source has a `commit`, a URL a `digest`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bake.errors import Diagnostic, InputError, Source, Span
from bake.spec.document import Document, Place, parse_document

VERSION = 1
_HINT = "mend it, or remove the file and run `bake lock`"

Name = tuple[str, str]
"""Kind (`image`, `git`, `url`) and what the spec or a Dockerfile calls it."""
Pinned = Mapping[str, str]
"""What an entry holds: `digest` or `commit`, and of an image a digest for each platform."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9.]+)?")

_MAIN: Mapping[str, tuple[str, re.Pattern[str], str]] = {
    "image": ("digest", _DIGEST, "a digest (sha256:<64 hex digits>)"),
    "git": ("commit", _COMMIT, "a commit (40 or 64 hex digits)"),
    "url": ("digest", _DIGEST, "a digest (sha256:<64 hex digits>)"),
}
"""Kind → the key that it must have, the form of its values, and that form in words."""


@dataclass(frozen=True)
class Lock:
    """`entries` in no particular order; the file has them by kind and name."""

    entries: Mapping[Name, Pinned] = field(default_factory=dict)

    def main(self, name: Name) -> str:
        """The digest or commit of an entry, "" if there is none."""
        return self.entries.get(name, {}).get(_MAIN[name[0]][0], "")


def main_key(kind: str) -> str:
    """`digest` or `commit`."""
    return _MAIN[kind][0]


def read_lock(path: Path, shown: str) -> Lock | None:
    """None if there is no such file. Raises InputError that shows the place of what is wrong in it."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Diagnostic("bad-lock", f"{shown} cannot be read: {error}", hint=_HINT)) from None
    return parse_lock(Source(shown, text))


def parse_lock(source: Source) -> Lock:
    """Raises InputError with all that is wrong."""
    for number, line in enumerate(source.text.splitlines(), 1):
        if line.startswith("<<<<<<<"):
            span = Span(source, number, 1, number, len(line) + 1)
            message, hint = (
                f"{source.name} holds both sides of a merge conflict",
                "take either side, and run `bake lock`",
            )
            raise InputError(Diagnostic("bad-lock", message, span, hint))
    document = parse_document(source, "")
    found = list(_wrong(document))
    if found:
        raise InputError(found)
    kinds = (kind for kind in _MAIN if kind in document.data)
    return Lock({(kind, name): dict(row) for kind in kinds for name, row in document.data[kind].items()})


def _wrong(document: Document) -> Iterator[Diagnostic]:
    version = document.data.get("version")
    if version != VERSION or isinstance(version, bool):
        place = Place(document, ("version",))
        message = f"this lock file has version {version!r}; this bake reads version {VERSION}"
        yield Diagnostic("lock-version", message, place.span(), "update bake, or lock anew with `bake lock`")
        return
    for kind, rows in document.data.items():
        place = Place(document, (kind,))
        if kind == "version":
            continue
        if kind not in _MAIN:
            yield _bad(place, f"`{kind}` is no kind of entry: there are {', '.join(_MAIN)}", key=True)
        elif not isinstance(rows, dict):
            yield _bad(place, f"`{kind}` must be a table")
        else:
            for name, row in rows.items():
                yield from _entry(place / name, kind, row)


def _entry(place: Place, kind: str, row: object) -> Iterator[Diagnostic]:
    main, form, words = _MAIN[kind]
    if not isinstance(row, dict):
        yield _bad(place, "an entry must be a table")
        return
    if main not in row:
        yield _bad(place, f"`{main}` is missing")
    for key, value in row.items():
        if key != main and not (kind == "image" and _PLATFORM.fullmatch(key)):
            yield _bad(place / key, f"`{key}` is not known here", key=True)
        elif not (isinstance(value, str) and form.fullmatch(value)):
            yield _bad(place / key, f"this is not {words}")


def _bad(place: Place, message: str, *, key: bool = False) -> Diagnostic:
    return Diagnostic("bad-lock", message, place.key_span() if key else place.span(), _HINT)
