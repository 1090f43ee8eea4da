"""Rules about paths: WORKDIR, and what the ignore file keeps from COPY and ADD."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import normpath

from bake.dockerfile.ignore import Matcher
from bake.dockerfile.instructions import Add, Copy, Workdir
from bake.dockerfile.lint.rule import Finding
from bake.dockerfile.lint.scopes import base_stages
from bake.dockerfile.lint.view import View

_EVERYTHING = frozenset({"*", "**", "**/*"})
_REMOTE = ("http://", "https://", "git@", "ssh://", "git://")


def workdir_relative_path(view: View) -> Iterator[Finding]:
    """The first WORKDIR on the way from the base image; one that starts with a variable is left alone."""
    bases = base_stages(view)
    placed: set[int] = set()
    for stage, body in view.bodies():
        if bases[stage.index] in placed:
            placed.add(stage.index)
        for at in body:
            if not isinstance(at.item, Workdir) or stage.index in placed:
                continue
            placed.add(stage.index)
            path = at.item.path.strip("\"'")
            if not path.startswith(("/", "$")):
                message = f'Relative workdir "{at.item.path}" can have unexpected results if the base image changes'
                yield Finding(at, message, at.find(at.item.path))


def copy_ignored_file(view: View) -> Iterator[Finding]:
    """An ignore file with exceptions (`!`) is not judged: what it lets through depends on the files."""
    patterns = view.outside.ignore
    if not patterns or any(pattern.startswith("!") for pattern in patterns):
        return
    matcher = Matcher(patterns)
    for at in view.of(Copy, Add):
        item = at.item
        if not isinstance(item, Copy | Add) or (isinstance(item, Copy) and item.from_ is not None):
            continue
        for source in item.sources:
            if "$" not in source and not source.startswith(_REMOTE) and _ignored(source, patterns, matcher):
                name = "Copy" if isinstance(item, Copy) else "Add"
                message = f'Attempting to {name} file "{normpath(source)}" that is excluded by .dockerignore'
                yield Finding(at, message, at.find(source))


def _ignored(source: str, patterns: tuple[str, ...], matcher: Matcher) -> bool:
    path = normpath(source).strip("/")
    return bool(_EVERYTHING & set(patterns)) if path in ("", ".") else matcher.ignored(path)
