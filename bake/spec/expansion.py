"""One declared target → its variants: the axes, the combinations, the name of each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bake.errors import Diagnostic, InputError
from bake.spec.document import Place
from bake.spec.file import TARGET_NAME, VARIABLE_NAME
from bake.spec.layer import Layer, Merged, merge, read_layer
from bake.spec.leaf import DROPPED, Leaf, template_finding
from bake.spec.matrix import Combination, Rule, combine
from bake.spec.nodes import Nodes
from bake.spec.redact import redact
from bake.spec.report import Report
from bake.spec.scope import Names
from bake.spec.template import TemplateError, Value, parse_template
from bake.spec.values import plain_text
from bake.spec.workspace import Declared


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """A target to build, before its values are looked at. `keys` is shared by variants that differ in axes only."""

    name: str
    declared: Declared
    axes: Mapping[str, str]
    keys: Merged


class Expansion:
    """The variants of one declared target."""

    def __init__(self, nodes: Nodes, names: Names, declared: Declared, report: Report) -> None:
        self._nodes, self._names = nodes, names
        self._declared, self._report = declared, report
        self._member = declared.member
        self._keys = nodes.declared(declared.name)

    def variants(self) -> list[Variant]:
        shape = self._with_overrides(self._keys, {}, self._declared.name)
        matrix = shape.get("matrix")
        if not matrix:
            self._refuse_without_matrix(shape)
            return [Variant(self._declared.name, self._declared, {}, shape)]
        axes = {name: self._axis(name, leaf) for name, leaf in matrix.items()}  # type: ignore[union-attr]
        if self._report.errors:
            return []
        exclude = [self._rule(leaf, axes, "exclude") for leaf in _leaves(shape, "exclude")]
        include = [self._rule(leaf, axes, "include") for leaf in _leaves(shape, "include")]
        try:
            found, idle, incomplete = combine(axes, exclude, include)
        except ValueError as error:
            place = next(iter(matrix.values())).place  # type: ignore[union-attr]
            self._report.add(Diagnostic("matrix-too-large", str(error), place.span()))
            return []
        for rule in idle:
            message = "this entry of `exclude` fits no combination"
            self._report.add(Diagnostic("idle-exclude", message, rule.layer.place.span(), severity="warning"))
        for rule in incomplete:
            message = f"this entry of `include` fits no combination and names no value of {_missing(rule, axes)}"
            self._report.add(Diagnostic("incomplete-include", message, rule.layer.place.span()))
        if not found and not self._report.errors:
            place = self._declared.layer.place
            self._report.add(Diagnostic("empty-matrix", "the matrix has no combinations left", place.key_span()))
        name = shape.get("name")
        return [self._variant(each, name if isinstance(name, Leaf) else None) for each in found]

    def _refuse_without_matrix(self, shape: Merged) -> None:
        for key in ("name", "include", "exclude"):
            for leaf in _leaves(shape, key)[:1]:
                message = f"`{key}` says something about a matrix, and there is none"
                self._report.add(Diagnostic("missing-key", message, leaf.place.span(), "add `matrix`"))

    def _with_overrides(self, keys: Merged, axes: Mapping[str, str], *names: str) -> Merged:
        """With the `--set` that mean one of `names`: globs first, then exact ones, each in the order given."""
        for exact in (False, True):
            for override in self._nodes.overrides:
                if override.is_glob != exact and any(override.matches(name, axes) for name in names):
                    keys = merge(keys, override.layer)
        return keys

    def _axis(self, name: str, leaf: Leaf) -> list[str]:
        at = leaf.place
        if not VARIABLE_NAME.fullmatch(name) or name in ("git", "env"):
            hint = "letters, digits and `_`, not starting with a digit"
            self._report.add(Diagnostic("invalid-name", f"`{name}` cannot be an axis", at.key_span(), hint))
        values: dict[str, int] = {}
        for index, raw in enumerate(leaf.raw):
            text = self._text(raw, at / index)
            if text is None:
                continue
            if text in values:
                message = f"axis `{name}` has the value '{text}' twice"
                related = (((at / values[text]).span(), "here first"),)
                self._report.add(Diagnostic("duplicate-value", message, (at / index).span(), related=related))
            values[text] = index
        return list(values)

    def _rule(self, leaf: Leaf, axes: Mapping[str, Sequence[str]], key: str) -> Rule:
        named: dict[str, str] = {}
        for axis in axes:
            if axis in leaf.raw:
                text = self._text(leaf.raw[axis], leaf.place / axis)
                if text is not None:
                    named[axis] = text
        if key == "include":
            layer = read_layer(leaf.raw, leaf.place, self._report, axes=frozenset(axes))
            self._refuse_structure(layer)
            return Rule(named, layer)
        for name in leaf.raw:
            if name not in axes:
                hint = self._report.hint(name, tuple(axes))
                at = (leaf.place / name).key_span()
                self._report.add(Diagnostic("unknown-axis", f"`{name}` is no axis of this matrix", at, hint))
        return Rule(named, Layer(leaf.place))

    def _refuse_structure(self, layer: Layer) -> None:
        for name in ("inherits", "matrix", "include", "exclude", "name"):
            if name in layer.assigned or name in layer.extended:
                message = f"`{name}` cannot stand in an entry of `include`"
                self._report.add(Diagnostic("bad-value", message, (layer.place / name).key_span()))

    def _text(self, raw: Any, place: Place) -> str | None:
        if not isinstance(raw, str | bool | int | float):
            message = "an axis value is a text, a number or a boolean"
            self._report.add(Diagnostic("wrong-type", message, place.span()))
            return None
        if not isinstance(raw, str) or "${" not in raw:
            return plain_text(raw)
        member = self._nodes.member_of(place.document, self._member)
        try:
            value = parse_template(raw).expand(lambda name, part, plain: self._names.lookup(name, part, plain, member))
        except TemplateError as error:
            self._report.add(template_finding(error, place))
        except InputError as error:
            self._report.extend(error.diagnostics)
        else:
            return value.text
        return None

    def _variant(self, combination: Combination, name: Leaf | None) -> Variant:
        short = self._default_name(combination.axes) if name is None else self._given_name(combination.axes, name)
        full = self._member.full(short)
        keys = self._keys
        for layer in combination.extra:
            keys = merge(keys, layer)
        return Variant(
            full,
            self._declared,
            combination.axes,
            self._with_overrides(keys, combination.axes, self._declared.name, full),
        )

    def _default_name(self, axes: Mapping[str, str]) -> str:
        joined = "-".join([self._declared.short, *axes.values()])
        return re.sub(r"[^A-Za-z0-9_.-]+", "-", joined)

    def _given_name(self, axes: Mapping[str, str], leaf: Leaf) -> str:
        member = self._nodes.member_of(leaf.place.document, self._member)

        def lookup(name: str, part: str, plain: bool) -> Value:
            if name in axes:
                return Value(axes[name])
            if name in ("target.name", "target.base"):
                return Value(self._declared.short)
            return self._names.lookup(name, part, plain, member)

        secrets: set[str] = set()
        value = leaf.evaluate(lookup, secrets)
        short = "" if value is DROPPED else str(value)
        if not TARGET_NAME.fullmatch(short):
            message = redact(f"'{short}' cannot be the name of a target", secrets)
            hint = "letters, digits, `_`, `.` and `-`; `${axis | slug}` makes one"
            raise InputError(Diagnostic("invalid-name", message, leaf.place.span(), hint))
        return short


def _leaves(keys: Merged, name: str) -> tuple[Leaf, ...]:
    written = keys.get(name, ())
    return written if isinstance(written, tuple) else (written,) if isinstance(written, Leaf) else ()


def _missing(rule: Rule, axes: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"`{axis}`" for axis in axes if axis not in rule.axes)
