"""`bake watch`: what to look at between two builds, and whether a change is reason for another one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bake.app.affecting import affected_by
from bake.app.loading import find, load, read_all
from bake.app.options import Options
from bake.app.session import Session
from bake.errors import BakeError, Diagnostic, InputError
from bake.gather.watch import Places
from bake.spec.target import Target


def places(options: Options) -> Places:
    """Where the spec, the Dockerfiles and the contexts of what is asked for lie.

    Of a spec that cannot be read as it is, the directory of its file. Raises InputError when there is no such file.
    """
    with Session(options) as session:
        path = find(options.directory, options.file)
        files, targets = _texts(session, str(path))
    trees = {tree for target in targets for tree in _contexts(target) if os.path.isdir(tree)}
    alone = {os.path.dirname(file) for file in files}
    return Places(frozenset(trees), frozenset(d for d in alone if os.path.isdir(d) and d not in trees))


def places_now(options: Options, before: Places) -> Places:
    """As `places`; what they were before while there is no spec, as when an editor puts a new one in its place."""
    try:
        return places(options)
    except InputError:
        return before


def _texts(session: Session, path: str) -> tuple[frozenset[str], Sequence[Target]]:
    """Spec files, Dockerfiles and their ignore files, and the targets, as far as they can be read."""
    try:
        files = read_all(Path(path))[1]
        targets = tuple(load(session).resolved.targets.values())
    except BakeError:
        return frozenset({path}), ()
    return frozenset((*files, *(text for target in targets for text in _dockerfiles(target)))), targets


def _contexts(target: Target) -> Iterator[str]:
    for text in (target.context, *target.contexts.values()):
        if ":" not in text:
            yield os.path.realpath(os.path.join(target.root, text))


def _dockerfiles(target: Target) -> Iterator[str]:
    context = os.path.join(target.root, target.context)
    dockerfile = os.path.join(context, target.dockerfile)
    for path in (dockerfile, f"{dockerfile}.dockerignore", os.path.join(context, ".dockerignore")):
        yield os.path.realpath(path)


async def news(options: Options, changed: frozenset[str], written: Sequence[str]) -> str | None:
    """What a change means to the build, in words; None when no step reads any of it.

    `written` are files that a build itself writes. While Dockerfiles or the spec are wrong, only their edits count.
    """
    ours = (*_outputs(options), *map(os.path.abspath, written))
    paths = sorted(path for path in changed if not any(path == own or path.startswith(f"{own}/") for own in ours))
    if not paths:
        return None
    try:
        found = await affected_by(options, paths, _unheard)
    except BakeError:
        texts = _all_texts(options)
        return next((f"{os.path.relpath(path)} changed" for path in paths if path in texts), None)
    return next((why for why in found.targets.values() if why.endswith("changed")), None)


def _all_texts(options: Options) -> frozenset[str]:
    with Session(options) as session:
        return _texts(session, str(find(options.directory, options.file)))[0]


def _unheard(_diagnostic: Diagnostic) -> None:
    """The build says it too."""


def _outputs(options: Options) -> Iterator[str]:
    """Where on this host the targets are written to: to build again because of that would never end."""
    try:
        with Session(options) as session:
            targets = load(session).targets.values()
    except BakeError:
        return
    for target in targets:
        for row in target.output:
            if dest := str(row.get("dest", "")):
                yield os.path.normpath(os.path.join(target.root, dest))
