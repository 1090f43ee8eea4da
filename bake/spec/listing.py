"""`bake list`: what there is to build and to set, as rows. Values are evaluated as far as that goes, and never fail."""

from __future__ import annotations

from dataclasses import dataclass

from bake.errors import InputError
from bake.spec.leaf import Leaf
from bake.spec.redact import HIDDEN, redact
from bake.spec.resolve import Resolved


@dataclass(frozen=True, slots=True)
class TargetRow:
    """`base`: the declared target it comes from; `axes` tell the combinations of a matrix apart."""

    name: str
    base: str
    axes: dict[str, str]
    description: str


@dataclass(frozen=True, slots=True)
class GroupRow:
    """`members` as written."""

    name: str
    members: tuple[str, ...]
    description: str


@dataclass(frozen=True, slots=True)
class VariableRow:
    """`value` None: nothing gives one, or it is wrong; `source`: `--var`, `env NAME`, `profile`, `default` or ``."""

    name: str
    value: str | None
    source: str
    env: str
    required: bool
    sensitive: bool
    help: str
    file: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything of the spec that has a name, templates aside, in declaration order."""

    targets: tuple[TargetRow, ...]
    groups: tuple[GroupRow, ...]
    variables: tuple[VariableRow, ...]
    profiles: tuple[str, ...]


def listing(resolved: Resolved) -> Listing:
    """The rows of a spec. `resolved` may be for any request."""
    return Listing(_targets(resolved), _groups(resolved), _variables(resolved), resolved.spec.profiles)


def _targets(resolved: Resolved) -> tuple[TargetRow, ...]:
    return tuple(
        TargetRow(variant.name, variant.declared.name, dict(variant.axes), resolved.describe(variant.name))
        for variant in resolved.variants.by_name.values()
        if not variant.declared.is_template
    )


def _groups(resolved: Resolved) -> tuple[GroupRow, ...]:
    return tuple(
        GroupRow(full, tuple(str(leaf.raw) for leaf in group.group.members), group.group.description)
        for full, group in resolved.spec.groups.items()
    )


def _variables(resolved: Resolved) -> tuple[VariableRow, ...]:
    rows = []
    for member in resolved.spec.members:
        for name in member.file.variables:
            variable = resolved.names.variable(member, name)
            sensitive = bool(variable.value("sensitive"))
            value: str | None
            try:
                found = resolved.names.value_of(member, name)
                value = HIDDEN if sensitive and found.text else redact(found.text, found.secrets)
            except InputError:
                value = None
            help = variable.keys.get("help")
            rows.append(
                VariableRow(
                    name,
                    value,
                    resolved.names.origin(member, name),
                    variable.value("env") or "",
                    bool(variable.value("required")),
                    sensitive,
                    str(help.raw) if isinstance(help, Leaf) else "",
                    member.file.source.name,
                )
            )
    return tuple(rows)
