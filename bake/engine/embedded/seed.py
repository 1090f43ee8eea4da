"""What a cache mount with `from=` starts with: a copy of a directory of a state."""

from __future__ import annotations

import os
from collections.abc import Callable

from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.draft import Draft
from bake.engine.embedded.resolve import join, resolve
from bake.engine.embedded.stack import Stack
from bake.errors import Diagnostic, StepError
from bake.plan.tree import Entry


def copy_subtree(layers: tuple[str, ...], source: str, target: str, may: Ownership, check: Callable[[], None]) -> bool:
    """Copies the directory `source` to the new directory `target`.

    Returns False when `source` is the root of a state that holds nothing. Raises StepError when it is no directory.
    """
    with Stack(layers, may) as view:
        top = resolve(view.lookup, source)
        entry = view.lookup(top)
        if entry is None and not top:
            return False
        if entry is None or entry.kind != "d":
            raise StepError(Diagnostic("missing-source", f'"{source}": not found'))
        os.mkdir(target, 0o755)
        with Stack((), may) as nothing, Draft(target, nothing, may) as draft:
            draft.directory("", entry)
            todo = [""]
            while todo:
                directory = todo.pop()
                for name in view.names(join(top, directory)):
                    check()
                    path = join(directory, name)
                    if _copy(view, join(top, path), draft, path) == "d":
                        todo.append(path)
            draft.finish()
    return True


def _copy(view: Stack, source: str, draft: Draft, path: str) -> str:
    entry = view.lookup(source)
    assert entry is not None
    entry = Entry(
        entry.kind, entry.mode, entry.uid, entry.gid, entry.size, "", entry.link, entry.device, entry.xattrs,
        mtime=entry.mtime,
    )  # fmt: skip
    if entry.kind == "d":
        draft.directory(path, entry)
    else:
        draft.put(path, entry, lambda: view.open(source))
    return entry.kind
