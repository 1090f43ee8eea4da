"""The content that steps read from their inputs: digests for keys, files for reasons."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from bake.plan.facts import Facts
from bake.plan.glob import has_wildcard
from bake.plan.key import selector
from bake.plan.select import Root, digest_roots, select
from bake.plan.step import CopyAction, GitOp, HttpOp, ImageOp, LocalOp, Step, StepId, WriteOp
from bake.plan.tree import Entry, StateId, Tree
from bake.ports.layers import Layers

_MOST_FILES = 2000


class Unread(Exception):
    """A state's tree is not here: its layers must be downloaded first."""

    def __init__(self, state: StateId) -> None:
        super().__init__(state)
        self.state = state


class Contents:
    """Selections, each read once a run; digests of those from states are kept in the store."""

    def __init__(self, facts: Facts, layers: Layers) -> None:
        self._facts = facts
        self._layers = layers
        self._trees: dict[StepId, Tree] = {}
        self._digests: dict[tuple[str, str], str] = {}
        self._files: dict[tuple[str, str], Mapping[str, str]] = {}

    def digest(self, source: Step, state: StateId | None, action: CopyAction) -> str:
        """The content id of what `action` takes from `source` (whose result is `state`, None for a tree).

        Raises SourceMissing, and Unread when a state must be downloaded before it can be read.
        """
        what = selector(action)
        if isinstance(source.op, ImageOp):
            # By definition, not by content, so that nothing is downloaded to make a key (DESIGN §3: layers are lazy).
            return sha256(f"{state}\0{what}".encode()).hexdigest()
        if isinstance(source.op, GitOp) and source.op.keep_git_dir:
            # What git writes into its directory differs from one checkout to the next; the commit does not.
            commit = self._facts.gits[source.op].commit
            return sha256(
                f"{commit}\0{source.op.url}\0{source.op.ref}\0{source.op.subdir}\0{what}".encode()
            ).hexdigest()
        memo = (state or source.id, what)
        if memo not in self._digests:
            known = self._layers.selection(state, what) if state is not None else None
            self._digests[memo] = known or self._made(source, state, action, what)
        return self._digests[memo]

    def _made(self, source: Step, state: StateId | None, action: CopyAction, what: str) -> str:
        found = digest_roots(select(self._tree(source, state), action), has_wildcard(action.source))
        if state is not None:
            self._layers.remember_selection(state, what, found)
        return found

    def files(self, source: Step, state: StateId | None, action: CopyAction) -> Mapping[str, str]:
        """Path → short identity of each file taken from a context; empty for states and for very many files."""
        if state is not None or not isinstance(source.op, LocalOp | GitOp):
            return {}
        memo = (source.id, selector(action))
        if memo not in self._files:
            roots: tuple[Root, ...] = select(self._tree(source, state), action)
            items = (item for root in roots for item in root.items if item.entry.kind != "d")
            found = {item.path: _identity(item.entry) for item in items}
            self._files[memo] = found if len(found) <= _MOST_FILES else {}
        return self._files[memo]

    def tree(self, source: Step) -> Tree:
        """The tree of a source that is no state."""
        return self._tree(source, None)

    def _tree(self, source: Step, state: StateId | None) -> Tree:
        if state is not None:
            tree = self._layers.tree(state)
            if tree is None:
                raise Unread(state)
            return tree
        if source.id not in self._trees:
            self._trees[source.id] = self._source_tree(source)
        return self._trees[source.id]

    def _source_tree(self, source: Step) -> Tree:
        match source.op:
            case LocalOp() as op:
                return self._facts.trees[op]
            case GitOp() as op:
                return self._facts.gits[op].tree
            case HttpOp() as op:
                fact = self._facts.urls[op]
                return {op.name: Entry("f", 0o600, size=fact.size, digest=fact.digest.removeprefix("sha256:"))}
            case WriteOp() as op:
                return {
                    file.path.strip("/"): Entry(
                        "f", file.mode, size=len(file.data.encode()), digest=sha256(file.data.encode()).hexdigest()
                    )
                    for file in op.files
                }
        raise TypeError(f"{type(source.op).__name__} has no tree")


def _identity(entry: Entry) -> str:
    return f"{entry.kind}{entry.mode:o} {entry.digest[:16] or entry.link}"
