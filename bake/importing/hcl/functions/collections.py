"""Functions on lists and objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from math import prod
from typing import Any

from bake.importing.hcl.convert import Mismatch, Value, kind, same, to_dict, to_list, to_number, to_text

_COUNT_LIMIT = 10_000


def _limited(found: list[Value]) -> list[Value]:
    if len(found) > _COUNT_LIMIT:
        raise Mismatch(f"the result has more than {_COUNT_LIMIT} elements")
    return found


def concat(*lists: Value) -> list[Value]:
    """All elements in order."""
    return _limited([each for found in lists for each in to_list(found)])


def contains(found: Value, value: Value) -> bool:
    """Whether the list has the value."""
    return any(same(each, value) for each in to_list(found))


def distinct(found: Value) -> list[Value]:
    """Each value once, at its first place."""
    kept: list[Value] = []
    for each in to_list(found):
        if not contains(kept, each):
            kept.append(each)
    return kept


def flatten(found: Value) -> list[Value]:
    """Lists in the list, at any depth, dissolved."""
    flat: list[Value] = []
    for each in to_list(found):
        flat += flatten(each) if isinstance(each, list) else [each]
    return _limited(flat)


def length(value: Value) -> int:
    """Of a list or an object."""
    if not isinstance(value, list | dict):
        raise Mismatch(f"`length` takes a list or an object, not {kind(value)}")
    return len(value)


def lookup(table: Value, key: Value, default: Value = None) -> Value:
    """The value of a key."""
    return to_dict(table).get(to_text(key), default)


def element(found: Value, index: Value) -> Value:
    """Past the end it starts again."""
    values = to_list(found)
    if not values:
        raise Mismatch("`element` of an empty list")
    return values[int(to_number(index)) % len(values)]


def merge(*tables: Value) -> dict[str, Value]:
    """Later ones win; null counts as empty."""
    return {key: value for table in tables if table is not None for key, value in to_dict(table).items()}


def coalesce(*values: Value) -> Value:
    """The first that is not null."""
    for value in values:
        if value is not None:
            return value
    raise Mismatch("`coalesce` has only null values")


def coalescelist(*lists: Value) -> Value:
    """The first that is not empty."""
    for found in lists:
        if found:
            return found
    raise Mismatch("`coalescelist` has only empty lists")


def index(value: Value, key: Value) -> Value:
    """`value[key]`."""
    if isinstance(value, list):
        at = to_number(key)
        if isinstance(at, float) or not 0 <= at < len(value):
            raise Mismatch(f"there is no element {to_text(key)} in a list of {len(value)}")
        return value[at]
    name = to_text(key)
    table = to_dict(value)
    if name not in table:
        raise Mismatch(f"there is no `{name}` in this object")
    return table[name]


def hasindex(value: Value, key: Value) -> bool:
    """Whether `value[key]` is there."""
    try:
        index(value, key)
    except Mismatch:
        return False
    return True


def setproduct(*lists: Value) -> list[Value]:
    """All combinations."""
    if prod(len(to_list(each)) for each in lists) > _COUNT_LIMIT:
        raise Mismatch(f"the result has more than {_COUNT_LIMIT} elements")
    return [list(each) for each in product(*lists)]


def sort(found: Value) -> list[str]:
    """Texts in order."""
    return sorted(to_text(each) for each in to_list(found))


def as_set(found: list[Value]) -> list[Value]:
    """Each value once, of one kind and in order, as sets have them there."""
    if any(isinstance(each, list | dict | None) for each in found):
        return distinct(found)
    if any(isinstance(each, str) for each in found):
        return sorted({to_text(each) for each in found})
    return sorted(distinct(found), key=float)


def _zipmap(keys: Value, values: Value) -> dict[str, Value]:
    names, found = to_list(keys), to_list(values)
    if len(names) != len(found):
        raise Mismatch("`zipmap` needs as many keys as values")
    return dict(zip(map(to_text, names), found, strict=True))


def chunklist(found: Value, size: Value) -> list[Value]:
    """Lists of `size` elements."""
    values, count = to_list(found), int(to_number(size))
    return [values[at : at + count] for at in range(0, len(values), count)] if count > 0 else [values]


def range_(*bounds: Value) -> list[Value]:
    """Numbers from start (0) to before end."""
    numbers = [int(to_number(each)) for each in bounds]
    if not 1 <= len(numbers) <= 3 or (len(numbers) == 3 and not numbers[2]):
        raise Mismatch("`range` takes an end, or a start and an end, or these and a step")
    if len(numbers) < 3 and numbers[-1] < (numbers[0] if len(numbers) == 2 else 0):
        numbers = [*([0] if len(numbers) == 1 else []), *numbers, -1]
    if len(range(*numbers)) > 1024:
        raise Mismatch("`range` has more than 1024 elements")
    return list(range(*numbers))


def _distinct_of(*lists: Value) -> list[Value]:
    return distinct(concat(*lists))


def _intersection(first: Value, *lists: Value) -> list[Value]:
    return [each for each in distinct(first) if all(contains(found, each) for found in lists)]


def _difference(*lists: Value) -> list[Value]:
    found: list[Value] = []
    for each in lists:
        other = distinct(each)
        found = [
            *(value for value in found if not contains(other, value)),
            *(value for value in other if not contains(found, value)),
        ]
    return found


COLLECTIONS: Mapping[str, Callable[..., Any]] = {
    "concat": concat,
    "compact": lambda found: [to_text(each) for each in to_list(found) if each not in ("", None)],
    "contains": contains,
    "distinct": distinct,
    "flatten": flatten,
    "length": length,
    "lookup": lookup,
    "element": element,
    "index": index,
    "indexof": lambda found, value: next((at for at, each in enumerate(to_list(found)) if same(each, value)), -1),
    "hasindex": hasindex,
    "merge": merge,
    "keys": lambda table: sorted(to_dict(table)),
    "values": lambda table: [to_dict(table)[key] for key in sorted(table)],
    "zipmap": _zipmap,
    "coalesce": coalesce,
    "coalescelist": coalescelist,
    "reverse": lambda value: value[::-1] if isinstance(value, list) else to_text(value)[::-1],
    "reverselist": lambda found: to_list(found)[::-1],
    "slice": lambda found, start, end=None: to_list(found)[int(to_number(start)) : None if end is None else int(end)],
    "sort": sort,
    "chunklist": chunklist,
    "range": range_,
    "setproduct": setproduct,
    "setunion": lambda *lists: as_set(_distinct_of(*lists)),
    "setintersection": lambda *lists: as_set(_intersection(*lists)),
    "setsubtract": lambda found, gone: as_set([each for each in to_list(found) if not contains(gone, each)]),
    "sethaselement": contains,
    "setsymmetricdifference": lambda *lists: as_set(_difference(*lists)),
}
