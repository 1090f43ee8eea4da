"""Which bake.lock a command goes by: one a workspace, beside the bake.toml at its root."""

from __future__ import annotations

import os
from pathlib import Path

from bake.app.loading import find, read_all
from bake.app.session import Session
from bake.gather.lockfile import read_lock
from bake.gather.pins import Pins

_SUFFIX = ".lock"


def pins_of(session: Session) -> Pins:
    """What the lock of the spec at hand pins. Raises InputError for a lock that is damaged."""
    path = lock_path(find(session.options.directory, session.options.file))
    return Pins(read_lock(path, shown(path)), session.options.locked, path.name)


def lock_path(spec: Path) -> Path:
    """`bake.lock` beside `bake.toml`; that of the workspace when an upper spec with a lock includes this one."""
    beside = spec.with_suffix(_SUFFIX)
    if beside.is_file():
        return beside
    for directory in spec.parent.parents:
        upper = directory / beside.name
        if upper.is_file() and _includes(upper.with_suffix(spec.suffix), spec):
            return upper
    return beside


def _includes(upper: Path, spec: Path) -> bool:
    return upper.is_file() and os.path.realpath(spec) in {os.path.realpath(name) for name in read_all(upper)[1]}


def shown(path: Path) -> str:
    """As a user in the working directory would call it."""
    return os.path.relpath(path)
