"""`bake cache prune`, and the limits of the settings at the end of a run that did something.

What the last run of a target needs stays: the results of its steps, the layers of its images, the files it downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bake.app.options import Options
from bake.app.results import decode
from bake.app.session import Session
from bake.errors import BakeError
from bake.gather.kept import kept
from bake.settings import age_of, size_of

if TYPE_CHECKING:
    from pathlib import Path

    from bake.store.candidates import Item, Keep
    from bake.store.prune import Limits

_PAUSE_S = 0.2


@dataclass(frozen=True)
class Pruned:
    """`store` is its directory; `items` are gone, or would be."""

    store: str
    items: tuple[Item, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(item.size for item in self.items)


async def prune(
    options: Options, limits: Limits, *, everything: bool, dry: bool, waiting: Callable[[], None]
) -> Pruned:
    """Removes what exceeds the limits, without any all that need not stay; with `everything` also what should.

    Waits until no other process has the store open, and calls `waiting` once if there is one. Raises HostError.
    """
    from anyio import sleep

    with Session(options) as session:
        store, root = session.store, str(session.store.root)
        if dry:
            return Pruned(root, tuple(store.choose(limits, _keep(session, everything))))
        told = False
        while (done := store.prune(limits, _keep(session, everything))) is None:
            if not told:
                waiting()
            told = True
            await sleep(_PAUSE_S)
        items, directories = done
        await remove(session, directories)
        return Pruned(root, tuple(items))


async def collect(session: Session) -> Pruned | None:
    """Enforces the limits of the settings; None when another process has the store open, which will do it then."""
    from bake.store.prune import Limits

    settings = session.settings
    limits = Limits(size_of(settings.store_max_size) or None, age_of(settings.store_max_age) or None)
    if limits.none:
        return None
    done = session.store.prune(limits, _keep(session, False))
    if done is None:
        return None
    await remove(session, done[1])
    return Pruned(str(session.store.root), tuple(done[0]))


async def remove(session: Session, directories: Sequence[Path]) -> None:
    """Deletes what was taken out. Files of other ids only an engine can; what resists is swept by a later run."""
    from bake.store.prune import remove_all

    left = remove_all(directories)
    try:
        for directory in left:
            with suppress(BakeError, OSError):
                await session.engine.remove(directory)
    finally:
        if left:
            await session.engine.close()


def _keep(session: Session, nothing: bool) -> Keep:
    from bake.store.candidates import Keep

    if nothing:
        return Keep(lambda _slot: False)
    there: dict[str, bool] = {"": False}

    def is_there(name: str) -> bool:
        """Whether a slot or a result is of a spec whose directory still exists."""
        root = name.partition("\n")[0]
        if root not in there:
            there[root] = os.path.isdir(root)
        return there[root]

    results = session.store.results
    found = (results.load(name) for name in results.names() if is_there(name))
    states = frozenset(str(state) for data in found if (record := decode(data)) for state in record.states)
    return Keep(is_there, states, frozenset(_downloads(session)), frozenset(_checkouts(session)))


def _downloads(session: Session) -> list[str]:
    """Digests of files that URLs served last."""
    rows = session.store.files.facts("url")
    found = (kept(value, dict[str, Any]) for name, value in rows if " " not in name)
    return [str(value["digest"]) for value in found if value and "digest" in value]


def _checkouts(session: Session) -> list[str]:
    """What each git source came to last."""
    from bake.gather.git import USED

    return [value.decode(errors="replace") for _, value in session.store.files.facts(USED)]
