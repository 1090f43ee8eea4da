"""A target with a matrix: kept as one where all its keys can say the axis by name, else one target a combination."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping
from itertools import product
from math import prod
from typing import Any

from bake.errors import InputError
from bake.importing.draft import Item, Table
from bake.importing.hcl.bindings import Axis, Env, Known, NeedsAxis
from bake.importing.hcl.convert import Mismatch, Value, to_text
from bake.importing.hcl.definitions import attributes
from bake.importing.hcl.nodes import Attribute, Block
from bake.importing.hcl.symbolic import escape
from bake.importing.hcl.targets import Imported, TargetReader
from bake.importing.notes import Unsupported, fault

_LIMIT = 10_000
_AXIS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_RESERVED = ("git", "env", "target")
Axes = Mapping[str, list[Value]]


def read_matrix(
    reader: TargetReader, label: str, blocks: list[Block], wanted: Container[str], taken: Container[str]
) -> tuple[list[Imported], Table | None]:
    """The targets, and the group that stands for them when they were written out. Raises InputError.

    `wanted`: names that something inherits; `taken`: names of variables, which an axis may not hide.
    """
    keys = {name: each for block in blocks for name, each in attributes(block).items()}
    matrix, name = keys["matrix"], keys.get("name")
    axes = _axes(reader, matrix)
    points = list(_points(axes))
    names = _names(reader, label, name, points, matrix)
    if _can_stay(axes, name, taken) and not any(each in wanted for each in names):
        try:
            kept = _kept(reader, label, blocks, matrix, name, axes)
            kept.combinations = tuple(names)
            return [kept], None
        except NeedsAxis as problem:
            message = f"the matrix of `{label}` is written out: a value is computed from `{problem}`"
            reader.notes.add("matrix-written-out", matrix.at, message)
    else:
        reader.notes.add("matrix-written-out", matrix.at, f"the matrix of `{label}` is written out, target by target")
    found = [reader.read(each, blocks, _bound(point)) for each, point in zip(names, points, strict=True)]
    for extra in found[1:]:
        extra.table.above = ()
    group = None
    if names != [label]:
        group = Table(blocks[0].at)
        group.put("targets", names)
    return found, group


def _axes(reader: TargetReader, matrix: Attribute) -> Axes:
    value = reader.lowering.fixed(matrix.node, {}, "matrix").value
    if not isinstance(value, dict) or not all(isinstance(each, list) for each in value.values()):
        raise fault(reader.notes.source, matrix.at, "`matrix` must be an object of lists", code="import-value")
    count = prod(len(each) for each in value.values())
    if count > _LIMIT:
        message = f"the matrix has {count} combinations; more than {_LIMIT} are not imported"
        raise fault(reader.notes.source, matrix.at, message, code="too-much-work")
    if not count:
        reader.notes.add("empty-matrix", matrix.at, "the matrix has no combination, so it makes no target")
    return value


def _points(axes: Axes) -> Iterator[dict[str, Value]]:
    for values in product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def _bound(point: Mapping[str, Value]) -> Env:
    return {axis: Known(value) for axis, value in point.items()}


def _names(
    reader: TargetReader, label: str, name: Attribute | None, points: list[dict[str, Value]], matrix: Attribute
) -> list[str]:
    if name is None and len(points) > 1:
        hint = f'name = "{label}-${{AXIS}}"'
        raise fault(reader.notes.source, matrix.at, "a matrix needs `name`, else all are called the same", hint)
    names: list[str] = []
    for point in points:
        reader.lowering.evaluator.start()
        try:
            made = label if name is None else to_text(reader.lowering.evaluator.value(name.node, _bound(point)))
        except Mismatch as problem:
            raise fault(
                reader.notes.source, name.at if name else matrix.at, str(problem), code="import-value"
            ) from None
        if not _NAME.fullmatch(made) or made in names:
            at = name.at if name else matrix.at
            why = "two combinations have it" if made in names else "use letters, digits, `_` and `-`"
            raise fault(reader.notes.source, at, f"'{made}' cannot be the name of a target: {why}", code="import-value")
        names.append(made)
    return names


def _can_stay(axes: Axes, name: Attribute | None, taken: Container[str]) -> bool:
    fine = all(_AXIS.fullmatch(axis) and axis not in _RESERVED and axis not in taken for axis in axes)
    scalar = all(isinstance(each, str | int | float) and each != "" for values in axes.values() for each in values)
    distinct = all(len({str(each) for each in values}) == len(values) > 0 for values in axes.values())
    return name is not None and bool(axes) and fine and scalar and distinct


def _kept(
    reader: TargetReader, label: str, blocks: list[Block], matrix: Attribute, name: Attribute | None, axes: Axes
) -> Imported:
    env: Env = {axis: Axis(axis) for axis in axes}
    assert name is not None
    written = reader.lowering.symbols.text(name.node, env)
    if written is None:
        raise NeedsAxis(", ".join(axes))
    found = reader.read(label, blocks, env)
    first: dict[str, Item] = {
        "matrix": Item(
            {axis: [_value(each) for each in values] for axis, values in axes.items()},
            matrix.at,
            matrix.above,
            matrix.beside,
        ),
        "name": Item(written, name.at, name.above, name.beside),
    }
    found.table.items = {**first, **found.table.items}
    return found


def _value(value: Value) -> Any:
    return escape(to_text(value))


def guarded(reader: TargetReader, work: Callable[[], None], at: int) -> None:
    """Runs `work`; what is wrong is collected, what cannot be evaluated is noted."""
    try:
        work()
    except Unsupported as problem:
        reader.notes.add("not-evaluated", problem.at, f"left out: {problem.message}", problem.hint)
    except NeedsAxis as problem:
        reader.notes.add("not-evaluated", at, f"left out: it depends on the axis `{problem}`")
    except InputError as error:
        reader.errors += error.diagnostics
