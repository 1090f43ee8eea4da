"""Every target that can be built: the combinations of each declared target, with their names."""

from __future__ import annotations

from dataclasses import dataclass, field

from bake.errors import Diagnostic, InputError
from bake.spec.document import Place
from bake.spec.expansion import Expansion, Variant
from bake.spec.leaf import Leaf
from bake.spec.nodes import Nodes
from bake.spec.report import Report
from bake.spec.scope import Names
from bake.spec.workspace import Spec

TARGET_LIMIT = 20_000
"""Of one workspace."""


@dataclass(eq=False)
class Variants:
    """All variants by full name, in declaration order. `failed`: declared targets whose matrix cannot be read."""

    by_name: dict[str, Variant] = field(default_factory=dict)
    by_base: dict[str, list[Variant]] = field(default_factory=dict)
    failed: dict[str, tuple[Diagnostic, ...]] = field(default_factory=dict)
    warnings: list[Diagnostic] = field(default_factory=list)
    collisions: list[Diagnostic] = field(default_factory=list)


def expand_all(spec: Spec, nodes: Nodes, names: Names) -> Variants:
    """A target that cannot be expanded is kept in `failed`, names that collide in `collisions`.

    Raises InputError when there are too many targets.
    """
    variants = Variants()
    for declared in spec.targets.values():
        report = Report()
        try:
            found = Expansion(nodes, names, declared, report).variants()
        except InputError as error:
            report.extend(error.diagnostics)
            found = []
        variants.warnings += report.warnings
        if report.errors:
            variants.failed[declared.name] = report.errors
            continue
        variants.by_base[declared.name] = found
        for variant in found:
            _add(spec, variants, variant)
        if len(variants.by_name) > TARGET_LIMIT:
            message = f"there are more than {TARGET_LIMIT} targets"
            span = declared.layer.place.early_key_span()
            raise InputError(Diagnostic("too-many-targets", message, span, "exclude what nobody needs"))
    return variants


def _add(spec: Spec, variants: Variants, variant: Variant) -> None:
    other = variants.by_name.setdefault(variant.name, variant)
    declared = variant.declared
    taken: Place | None = None
    if other is not variant and variant.axes:
        taken = other.declared.layer.place
    elif variant.name != declared.name and variant.name in spec.targets:
        taken = spec.targets[variant.name].layer.place
    elif variant.name in spec.groups:
        taken = spec.groups[variant.name].group.place
    if taken is None:
        return
    shown = ", ".join(f"{axis} = {value}" for axis, value in variant.axes.items())
    message = f"two targets are called `{variant.name}`; one is `{declared.short}` with {shown or 'no axes'}"
    if other is not variant and other.declared is declared:
        also = ", ".join(f"{axis} = {value}" for axis, value in other.axes.items())
        message = f"two combinations are called `{variant.name}`: {also}; and {shown}"
    written = declared_name(variant)
    span = written.place.span() if written is not None else declared.layer.place.key_span()
    related = ((taken.key_span(), "the other one is declared here"),)
    hint = "let `name` hold every axis" if variant.axes else None
    variants.collisions.append(Diagnostic("matrix-name-collision", message, span, hint, related=related))


def declared_name(variant: Variant) -> Leaf | None:
    """The `name` key of a matrix, where it is written."""
    written = variant.keys.get("name")
    return written if isinstance(written, Leaf) else None
