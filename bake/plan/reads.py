"""What steps read from contexts, told before anything is built: sources that are missing, contexts read in part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bake.errors import Diagnostic, Span
from bake.plan.graph import Graph
from bake.plan.missing import advice
from bake.plan.placing import placed
from bake.plan.select import SourceMissing, select
from bake.plan.step import CopyAction, CopyOp, LocalOp, StepId
from bake.plan.tree import Tree

_MANY_FILES = 10_000
_MANY_BYTES = 100_000_000
_PART = 10
"""Less than a tenth of a large context read: the rest is only in the way."""


def missing_sources(graph: Graph, trees: Mapping[LocalOp, Tree]) -> Iterator[Diagnostic]:
    """Sources of COPY and ADD that are not in their context. Warnings: something may make them before the build."""
    for id_, context, action in _copies(graph):
        try:
            select(trees[context], action)
        except SourceMissing as missing:
            found = Diagnostic("missing-source", str(missing), hint=advice(context, missing), severity="warning")
            yield placed(found, graph.origins.get(id_, ()))


def large_contexts(
    graph: Graph, trees: Mapping[LocalOp, Tree], places: Mapping[str, Span | None]
) -> Iterator[Diagnostic]:
    """Contexts far larger than what is read of them. `places`: directory → where a target makes it its context."""
    read: dict[LocalOp, set[str]] = {}
    for _, context, action in _copies(graph):
        try:
            roots = select(trees[context], action)
        except SourceMissing:
            roots = ()
        read.setdefault(context, set()).update(item.path for root in roots for item in root.items)
    for context, paths in read.items():
        if context.root not in places or _mounted(graph, context):
            continue
        sizes = {path: entry.size for path, entry in trees[context].items() if entry.kind == "f"}
        taken = [sizes[path] for path in paths if path in sizes]
        size, used = sum(sizes.values()), sum(taken)
        many = len(sizes) >= _MANY_FILES and len(taken) * _PART < len(sizes)
        if many or (size >= _MANY_BYTES and used * _PART < size):
            message = (
                f"the context has {len(sizes)} files ({_mega(size)}), of which steps read {len(taken)} ({_mega(used)})"
            )
            hint = "name what is not needed in .dockerignore, or choose a smaller directory"
            yield Diagnostic("large-context", message, places[context.root], hint, "warning")


def _mega(size: int) -> str:
    return f"{size // 1_000_000} MB"


def _copies(graph: Graph) -> Iterator[tuple[StepId, LocalOp, CopyAction]]:
    """Each source of a COPY or ADD that is a directory of this host."""
    for id_, step in graph.steps.items():
        for action in step.op.actions if isinstance(step.op, CopyOp) else ():
            source = graph.steps[step.inputs[action.input]].op
            if isinstance(source, LocalOp):
                yield id_, source, action


def _mounted(graph: Graph, context: LocalOp) -> bool:
    """Whether a step may read any part of it."""
    ids = {id_ for id_, step in graph.steps.items() if step.op == context}
    return any(ids & set(step.inputs) for step in graph.steps.values() if not isinstance(step.op, CopyOp))
