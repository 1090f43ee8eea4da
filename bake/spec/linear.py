"""The order of a target's ancestors: C3, as Python orders the bases of a class (SPEC §1).

A child comes before its parents, parents keep the order in which they are named, and each ancestor comes once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

DEPTH_LIMIT = 1000
"""Ancestors of one target; the orders of a chain grow with the square of its length."""


class InheritanceError(Exception):
    """`circle`: names that lead back to the first. Else `node` is `too_deep`, with more than DEPTH_LIMIT ancestors, or
    has parents whose orders contradict each other."""

    def __init__(self, node: str, circle: tuple[str, ...] = (), *, too_deep: bool = False) -> None:
        super().__init__(node, circle)
        self.node, self.circle, self.too_deep = node, circle, too_deep


def linearise(
    node: str,
    parents_of: Callable[[str], Sequence[str]],
    known: dict[str, tuple[str, ...]],
    path: dict[str, Sequence[str]] | None = None,
) -> tuple[str, ...]:
    """`node` and all its ancestors, nearest first. `known` keeps the orders found. Raises InheritanceError.

    When it fails, `path` holds the names that have no order because of it. Does not recurse, so that a long chain of
    parents is no danger.
    """
    path = {} if path is None else path
    stack = [node]
    while stack:
        name = stack[-1]
        if name in known:
            stack.pop()
            path.pop(name, None)
            continue
        if name not in path:
            path[name] = tuple(dict.fromkeys(parents_of(name)))
        waiting = [parent for parent in path[name] if parent not in known]
        if not waiting:
            order = _merge(name, path[name], known)
            if len(order) > DEPTH_LIMIT:
                raise InheritanceError(name, too_deep=True)
            known[name] = order
            continue
        if waiting[0] in path:
            names = list(path)
            raise InheritanceError(name, (*names[names.index(waiting[0]) :], waiting[0]))
        stack.append(waiting[0])
    return known[node]


def _merge(name: str, parents: Sequence[str], known: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if len(parents) < 2:
        return (name, *(known[parents[0]] if parents else ()))
    queues = [list(reversed(known[parent])) for parent in parents] + [list(reversed(parents))]
    behind: dict[str, int] = {}
    for queue in queues:
        for each in queue[:-1]:
            behind[each] = behind.get(each, 0) + 1
    found = [name]
    while queues := [queue for queue in queues if queue]:
        head = next((queue[-1] for queue in queues if not behind.get(queue[-1])), None)
        if head is None:
            raise InheritanceError(name)
        found.append(head)
        for queue in queues:
            if queue[-1] == head:
                queue.pop()
                if queue:
                    behind[queue[-1]] -= 1
    return tuple(found)
