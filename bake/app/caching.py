"""`bake cache`: whether the store is sound, and what fills it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bake.app.options import Options
from bake.app.session import Session
from bake.errors import Diagnostic

if TYPE_CHECKING:
    from bake.store.usage import Usage


@dataclass(frozen=True)
class Verified:
    """`store` is its directory; `found` all that was not as it should be, `left` what still is not."""

    store: str
    found: tuple[Diagnostic, ...]
    left: tuple[Diagnostic, ...]

    @property
    def sound(self) -> bool:
        """Leftovers of a process that died are warnings, and do no harm."""
        return not any(diagnostic.severity == "error" for diagnostic in self.left)


@dataclass(frozen=True)
class Usages:
    """What the directory `store` holds."""

    store: str
    rows: tuple[Usage, ...]


def verify(options: Options, *, deep: bool = False) -> Verified:
    """Looks, and changes nothing; `deep` reads every file. Raises HostError."""
    with Session(options) as session:
        return _verified(session, session.store.verify(deep))


def repair(options: Options) -> Verified:
    """Reads every file, and forgets what is damaged: it is made again when needed. Raises HostError."""
    with Session(options) as session:
        found = session.store.repair()
        return _verified(session, found, session.store.verify() if found else ())


def _verified(session: Session, found: Sequence[Diagnostic], left: Sequence[Diagnostic] | None = None) -> Verified:
    return Verified(str(session.store.root), tuple(found), tuple(found if left is None else left))


def usage(options: Options) -> Usages:
    """Layers, blobs, cache mounts, scratch directories, the index. Raises HostError."""
    with Session(options) as session:
        return Usages(str(session.store.root), tuple(session.store.usage()))
