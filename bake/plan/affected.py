"""Changed files → the steps that read them, and the targets that need those steps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bake.dockerfile.ignore import Matcher
from bake.plan.key import reads
from bake.plan.outcome import Plan
from bake.plan.select import SourceMissing, select
from bake.plan.step import CopyAction, LocalOp, Step, StepId
from bake.plan.tree import Entry, Tree, ordered

_ALL = CopyAction(0, "/", "/")


@dataclass
class Touched:
    """Which selections of which contexts the changes are in. `changes`: context → changed paths in it."""

    trees: Mapping[LocalOp, Tree]
    changes: Mapping[LocalOp, Sequence[str]]
    _known: dict[tuple[LocalOp, CopyAction], str | None] = field(default_factory=dict)
    _with_changes: dict[LocalOp, tuple[Tree, Sequence[str]]] = field(default_factory=dict)

    def by(self, op: LocalOp, action: CopyAction) -> str | None:
        """A changed path that `action` reads from the context, None if there is none."""
        if not self.changes.get(op):
            return None
        if (op, action) not in self._known:
            self._known[op, action] = self._found(op, action)
        return self._known[op, action]

    def _found(self, op: LocalOp, action: CopyAction) -> str | None:
        tree, changed = self._tree(op)
        looked_up = _LookedUp(tree)
        try:
            taken = {item.path for root in select(looked_up, action) for item in root.items}
        except (SourceMissing, ValueError):  # it cannot be built, which the build tells
            return next(iter(changed), None)
        return next((path for path in changed if path in taken or path in looked_up.paths), None)

    def _tree(self, op: LocalOp) -> tuple[Tree, Sequence[str]]:
        """The context with the files that are gone put back, and the changes that its ignore file leaves in."""
        if op not in self._with_changes:
            ignored = Matcher(op.ignore).ignored if op.ignore else lambda _path: False
            changed = [path for path in self.changes[op] if not ignored(path)]
            tree: dict[str, Entry] = dict(self.trees[op])
            for path in changed:
                for parent in _parents(path):
                    tree.setdefault(parent, Entry("d", 0o755))
                tree.setdefault(path, Entry("f", 0o644))
            # Of a submodule git names the directory only.
            modules = tuple(f"{path}/" for path in changed if tree[path].kind == "d")
            below = [path for path in tree if modules and path.startswith(modules)]
            self._with_changes[op] = ordered(tree), [*changed, *below]
        return self._with_changes[op]


class _LookedUp(dict[str, Entry]):
    """A tree that notes which paths were asked for: a link on the way to a source counts as read."""

    def __init__(self, tree: Tree) -> None:
        super().__init__(tree)
        self.paths: set[str] = set()

    def __getitem__(self, path: str) -> Entry:
        self.paths.add(path)
        return super().__getitem__(path)

    def get(self, path: str, default: Any = None) -> Any:
        self.paths.add(path)
        return super().get(path, default)


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:at]) for at in range(1, len(parts)))


def affected_steps(plan: Plan, touched: Touched) -> dict[StepId, str]:
    """Step → a changed path because of which it or what it builds on may run again."""
    found: dict[StepId, str] = {}
    for step in plan.steps.values():
        reason = next((found[i] for i in step.inputs if i in found), None) or _own(plan, step, touched)
        if reason is not None:
            found[step.id] = reason
    return found


def _own(plan: Plan, step: Step, touched: Touched) -> str | None:
    actions: dict[int, list[CopyAction]] = {}
    for _, action in reads(step):
        actions.setdefault(action.input, []).append(action)
    for number, source in enumerate(step.inputs):
        op = plan.steps[source].op
        if isinstance(op, LocalOp):
            for action in actions.get(number, [_ALL]):
                if (path := touched.by(op, action)) is not None:
                    return path
    return None


def affected_targets(plan: Plan, steps: Mapping[StepId, str], changed: Mapping[str, str]) -> dict[str, str]:
    """Target → why, in the order of the plan. `changed`: targets that are affected as such, with why."""
    found = dict(changed)
    for image in plan.images:
        reached: Iterable[StepId] = (image.state, *(layer.step for layer in image.layers))
        path = next((steps[step] for step in reached if step in steps), None)
        if path is not None:
            found.setdefault(image.target, f"{path} changed")
    for name in _in_order(plan):
        used = next((link for link in plan.edges.get(name, ()) if link in found), None)
        if used is not None:
            found.setdefault(name, f"builds on {used}")
    return {name: found[name] for name in plan.targets if name in found}


def _in_order(plan: Plan) -> Iterator[str]:
    """All targets, each after those that it builds on."""
    from graphlib import TopologicalSorter

    return iter(TopologicalSorter({name: plan.edges.get(name, ()) for name in plan.targets}).static_order())
