"""A matrix → its combinations, in the order written: the first axis changes slowest (SPEC §1).

`exclude` takes combinations away; an `include` entry then gives further keys to the combinations that it fits, or adds
one. Every target without a matrix is one combination of no axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod

from bake.spec.keys import COMBINATION_LIMIT
from bake.spec.layer import Layer


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """An entry of `include` or `exclude`: the axis values that it names, and (of `include`) further keys."""

    axes: Mapping[str, str]
    layer: Layer


@dataclass(slots=True)
class Combination:
    """One point of the matrix and the layers that `include` lays over the target there."""

    axes: Mapping[str, str]
    extra: list[Layer] = field(default_factory=list)


def combine(
    axes: Mapping[str, Sequence[str]], exclude: Sequence[Rule], include: Sequence[Rule]
) -> tuple[list[Combination], list[Rule], list[Rule]]:
    """The combinations; the `exclude` rules that fit nothing; the `include` rules that fit nothing and lack an axis.

    Raises ValueError when there are more than COMBINATION_LIMIT.
    """
    count = prod(len(values) for values in axes.values()) + len(include)
    if count > COMBINATION_LIMIT:
        raise ValueError(f"the matrix has {count} combinations; more than {COMBINATION_LIMIT} are not built")
    points = (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))
    excluding = _Index(axes, exclude)
    found = [Combination(point) for point in points if not excluding.fitting(point)]
    including = _Index(axes, include)
    for each in found:
        each.extra += [rule.layer for rule in including.fitting(each.axes)]
    added: dict[tuple[str, ...], Combination] = {}
    incomplete = []
    for rule in including.idle():
        if len(rule.axes) < len(axes):
            incomplete.append(rule)
            continue
        point = {axis: rule.axes[axis] for axis in axes}
        added.setdefault(tuple(point.values()), Combination(point)).extra.append(rule.layer)
    return [*found, *added.values()], excluding.idle(), incomplete


class _Index:
    """Rules by the axes that they name, so that a combination finds its own without trying each."""

    def __init__(self, axes: Mapping[str, object], rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._used: set[int] = set()
        self._by_axes: dict[tuple[str, ...], dict[tuple[str, ...], list[int]]] = {}
        for number, rule in enumerate(rules):
            named = tuple(axis for axis in axes if axis in rule.axes)
            values = tuple(rule.axes[axis] for axis in named)
            self._by_axes.setdefault(named, {}).setdefault(values, []).append(number)

    def fitting(self, point: Mapping[str, str]) -> list[Rule]:
        """The rules whose values are all those of `point`, in the order written."""
        numbers: list[int] = []
        for named, by_values in self._by_axes.items():
            numbers += by_values.get(tuple(point[axis] for axis in named), ())
        self._used.update(numbers)
        return [self._rules[number] for number in sorted(numbers)]

    def idle(self) -> list[Rule]:
        """The rules that have fitted nothing yet."""
        return [rule for number, rule in enumerate(self._rules) if number not in self._used]
