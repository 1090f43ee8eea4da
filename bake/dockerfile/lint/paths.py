"""Rules about paths: WORKDIR, and what the ignore file keeps from COPY and ADD."""

from __future__ import annotations

import json
from collections.abc import Iterator
from posixpath import normpath

from bake.dockerfile.ignore import Matcher
from bake.dockerfile.instructions import Add, Copy, Workdir
from bake.dockerfile.lint.rule import Finding
from bake.dockerfile.lint.scopes import base_stages, expanded, walk
from bake.dockerfile.lint.view import View

_EVERYTHING = frozenset({"*", "**", "**/*"})
_ANY_NAME = "\0"
"""Of something in a directory, so that only what matches all that is in it matches this."""
_REMOTE = ("http://", "https://", "git@", "ssh://", "git://")


def workdir_relative_path(view: View) -> Iterator[Finding]:
    """The first WORKDIR on the way from the base image; one with a variable that is not known is left alone."""
    bases = base_stages(view)
    placed: set[int | None] = set()
    for at, scope in walk(view):
        if not isinstance(at.item, Workdir) or placed & {at.stage, bases[at.stage]}:
            continue
        path = expanded(view, at.item.path, scope.values)
        unknown = path.unset or "$" in path.text  # which is what cannot be expanded
        if (unknown and not scope.complete) or path.text.startswith("/"):
            placed.add(at.stage)
            continue
        placed.add(at.stage)
        quoted = json.dumps(path.text, ensure_ascii=False)
        message = f"Relative workdir {quoted} can have unexpected results if the base image changes"
        yield Finding(at, message, at.find(at.item.path))


def copy_ignored_file(view: View) -> Iterator[Finding]:
    """An ignore file with exceptions (`!`) is not judged: what it lets through depends on the files."""
    patterns = view.outside.ignore
    if not patterns or any(pattern.startswith("!") for pattern in patterns):
        return
    matcher = Matcher(patterns)
    for at, scope in walk(view):
        item = at.item
        if not isinstance(item, Copy | Add) or (isinstance(item, Copy) and item.from_ is not None):
            continue
        for written in item.sources:
            source = expanded(view, written, scope.values)
            if source.unset or source.text.startswith(_REMOTE) or not _ignored(source.text, patterns, matcher):
                continue
            name = "Copy" if isinstance(item, Copy) else "Add"
            message = f'Attempting to {name} file "{source.text}" that is excluded by .dockerignore'
            yield Finding(at, message, at.find(written))


def _ignored(source: str, patterns: tuple[str, ...], matcher: Matcher) -> bool:
    path = normpath(source).strip("/")
    if path in ("", "."):
        return bool(_EVERYTHING & set(patterns))
    return matcher.ignored(path) or (source.endswith("/") and matcher.ignored(f"{path}/{_ANY_NAME}"))
