"""What HCL and JSON files say over what compose files say: targets of one name are merged, groups are replaced."""

from __future__ import annotations

from bake.importing.draft import Draft, Table
from bake.importing.families import lay


def over(below: Draft, above: Draft) -> Draft:
    """Variables and groups of `above` replace those of the same name (reference/buildx-bake.md §1.2)."""
    targets = dict(below.targets)
    for name, table in above.targets.items():
        targets[name] = _table(targets[name], table) if name in targets else table
    variables = {**below.variables, **above.variables}
    return Draft(variables, {**below.groups, **above.groups}, targets, (*below.below, *above.below), below.above)


def _table(below: Table, above: Table) -> Table:
    items = dict(below.items)
    lay(items, above.items)
    return Table(below.at, (*below.above, *above.above), items)
