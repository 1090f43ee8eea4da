"""Whole views of states, made of the listings of their layers and kept for the states asked for last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock

import msgspec

from bake.errors import Diagnostic, HostError
from bake.plan.listing import decode
from bake.plan.tree import Listing, StateId, Tree, stack
from bake.ports.layers import Layer

_MOST = 16
"""A tree of 20,000 entries takes some 10 MB."""


class Trees:
    """A cache of trees. States never change, so it is never wrong."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._mutex = Lock()
        self._kept: OrderedDict[StateId, Tree] = OrderedDict()

    def of(self, chain: Sequence[Layer]) -> Tree | None:
        """The tree of the top of `chain`; None while a layer is not unpacked. Raises HostError for a damaged one."""
        base: Tree = {}
        start = 0
        for number in range(len(chain), 0, -1):  # the highest state whose tree is known already
            kept = self._get(chain[number - 1].state)
            if kept is not None:
                base, start = kept, number
                break
        if start == len(chain):
            return base
        above = [layer.directory for layer in chain[start:]]
        if None in above:
            return None
        tree = stack([base, *self._listings(above)])
        self._put(chain[-1].state, tree)
        return tree

    def _listings(self, directories: Iterable[Path | None]) -> Iterable[Listing]:
        return (read_listing(directory, self._root) for directory in directories if directory is not None)

    def _get(self, state: StateId) -> Tree | None:
        with self._mutex:
            tree = self._kept.get(state)
            if tree is not None:
                self._kept.move_to_end(state)
            return tree

    def _put(self, state: StateId, tree: Tree) -> None:
        with self._mutex:
            self._kept[state] = tree
            if len(self._kept) > _MOST:
                self._kept.popitem(last=False)


def read_listing(directory: Path, root: Path) -> Listing:
    """The listing of a layer. Raises HostError when it is missing or damaged."""
    try:
        return decode((directory / "listing").read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        message = f"the layer {directory.name[:12]} of the store {root} is damaged: {error}"
        raise HostError(Diagnostic("damaged-layer", message, hint="run bake cache verify")) from error
