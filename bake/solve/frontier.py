"""Which steps may be decided now: a plain walk over the graph, most urgent first."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping

from bake.plan.step import StepId


class Frontier:
    """Steps whose inputs are all done, ordered by `urgency` (higher first) and then by the order of the plan."""

    def __init__(self, inputs: Mapping[StepId, Iterable[StepId]]) -> None:
        self._position = {step: at for at, step in enumerate(inputs)}
        self._waits: dict[StepId, int] = {}
        self._dependents: dict[StepId, list[StepId]] = {step: [] for step in inputs}
        for step, needed in inputs.items():
            distinct = set(needed)
            self._waits[step] = len(distinct)
            for other in distinct:
                self._dependents[other].append(step)
        self._urgency: Callable[[StepId], float] = lambda _: 0.0
        self._ready = [(0.0, at, step) for step, at in self._position.items() if not self._waits[step]]
        self._closed: set[StepId] = set()

    def __bool__(self) -> bool:
        return bool(self._ready)

    def order_by(self, urgency: Callable[[StepId], float]) -> None:
        """From now on the most urgent ready step comes first."""
        self._urgency = urgency
        self._ready = [(-urgency(step), at, step) for _, at, step in self._ready]
        heapq.heapify(self._ready)

    def pop(self) -> StepId:
        return heapq.heappop(self._ready)[2]

    def again(self, step: StepId) -> None:
        """`step`, popped before, is ready once more."""
        heapq.heappush(self._ready, (-self._urgency(step), self._position[step], step))

    def finish(self, step: StepId) -> None:
        """`step` has a result; what waited for nothing else becomes ready."""
        self._closed.add(step)
        for other in self._dependents[step]:
            self._waits[other] -= 1
            if not self._waits[other] and other not in self._closed:
                heapq.heappush(self._ready, (-self._urgency(other), self._position[other], other))

    def close(self, step: StepId) -> list[StepId]:
        """`step` will have no result: it and all that depend on it never become ready. Returns the dependents."""
        todo, closed = [step], []
        while todo:
            at = todo.pop()
            if at not in self._closed:
                self._closed.add(at)
                closed.append(at)
                todo.extend(self._dependents[at])
        self._ready = [row for row in self._ready if row[2] not in self._closed]
        heapq.heapify(self._ready)
        return sorted(closed[1:], key=self._position.__getitem__)

    @property
    def unfinished(self) -> list[StepId]:
        """Steps without a result that were not closed, in plan order."""
        return [step for step in self._position if step not in self._closed]


def critical_path(inputs: Mapping[StepId, Iterable[StepId]], cost: Callable[[StepId], float]) -> dict[StepId, float]:
    """Step → seconds from its start to the end of the longest way below it; `inputs` in topological order."""
    below: dict[StepId, float] = dict.fromkeys(inputs, 0.0)
    length: dict[StepId, float] = {}
    for step in reversed(list(inputs)):
        length[step] = cost(step) + below[step]
        for other in inputs[step]:
            below[other] = max(below[other], length[step])
    return length
