"""A spec and a request → the targets to build. Only what the requested targets reach is evaluated (SPEC §1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property

from bake.errors import Diagnostic, InputError
from bake.spec.conflicts import circles, conflicts, edges, normal_tag
from bake.spec.evaluate import Evaluation
from bake.spec.leaf import template_finding
from bake.spec.nodes import Nodes
from bake.spec.overrides import Override, read_overrides
from bake.spec.report import Report, did_you_mean
from bake.spec.request import Request
from bake.spec.scope import Names, argument
from bake.spec.select import Incomplete, Selector
from bake.spec.target import Target
from bake.spec.template import TemplateError
from bake.spec.variants import Variants, expand_all
from bake.spec.workspace import Spec, with_profiles

_OF_VALUES = frozenset(
    {
        "bad-filter-input", "bad-substitution", "missing-value", "pattern-mismatch", "undefined-environment",
        "undefined-git-fact", "variable-cycle",
    }
)  # fmt: skip
"""Errors that depend on the run: they count when something that is built meets them."""

_OF_NAMES = frozenset({"undefined-variable", "unknown-profile", "unknown-target"})
"""Errors that say nothing while a file could not be parsed: it may well declare the name."""


class Resolved:
    """The answer to one request. `targets`: the requested ones and all that they reach, in declaration order.

    What is wrong is in `report`; `resolve` raises it.
    """

    def __init__(self, spec: Spec, request: Request) -> None:
        spec = with_profiles(spec, request.profiles)
        self.spec = spec
        self.request = request
        self.report = Report(spec.findings)
        self.names = Names(spec, request)
        self.names.check_request(self.report)
        overrides = read_overrides(request.overrides, spec.targets, self.report)
        self._nodes = Nodes(spec, self.names, request.profiles, overrides)
        self._evaluations: dict[str, Evaluation] = {}
        self._targets: dict[str, Target | InputError] = {}
        self._check_overrides(overrides)
        self._check_names()
        self.requested = self._requested()
        self.targets = self._reached(self.requested)
        self.report.extend(circles(self.targets))
        self.report.extend(conflicts(self.targets.values(), self.requested))

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What is odd but no error."""
        return self.report.warnings

    @cached_property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """The groups that the request names, also through one another, with their targets."""
        member = self.spec.root
        todo = list(self.request.names or (["default"] if "default" in self.spec.groups else []))
        found: dict[str, tuple[str, ...]] = {}
        while todo:
            for full in self.spec.find(todo.pop(0), member):
                group = self.spec.groups.get(full)
                if group is not None and full not in found:
                    found[full] = self.selector.group(full)
                    todo += [group.member.full(str(leaf.raw)) for leaf in group.group.members if leaf.constant]
        return found

    @cached_property
    def variants(self) -> Variants:
        """All targets that there are, unevaluated."""
        return expand_all(self.spec, self._nodes, self.names)

    @cached_property
    def selector(self) -> Selector:
        """What names stand for in this run."""
        return Selector(self.spec, self.variants, self.names)

    def target(self, name: str) -> Target:
        """The target of that full name, evaluated now if it was not. Raises InputError."""
        found = self._targets.get(name)
        if found is None:
            if name not in self.variants.by_name:
                hint = did_you_mean(name, tuple(self.variants.by_name))
                raise InputError(Diagnostic("unknown-target", f"`{name}` is no target", None, hint))
            try:
                found = self._evaluation(name).target(self.request.platform)
            except InputError as error:
                found = error
            self._targets[name] = found
        if isinstance(found, InputError):
            raise found
        return found

    def describe(self, name: str) -> str:
        """The description of a target, "" when it has none or it cannot be evaluated."""
        if "description" not in self.variants.by_name[name].keys:
            return ""
        return self._evaluation(name).value("description") or ""

    def owner(self, reference: str) -> str | None:
        """The target that has this reference among its tags, templates aside; one that the run reaches comes first.

        A target whose tags cannot be evaluated owns none: it is no part of this run. Raises InputError when several
        unreached targets claim it.
        """
        found = self._owners.get(normal_tag(reference), [])
        reached = [name for name in found if name in self.targets]
        if reached or not found:
            return reached[0] if reached else None
        if len(found) > 1:
            raise InputError(list(conflicts([self.target(name) for name in found])))
        return found[0]

    @cached_property
    def _owners(self) -> dict[str, list[str]]:
        owners: dict[str, list[str]] = {}
        for name, variant in self.variants.by_name.items():
            if variant.declared.is_template or "tags" not in variant.keys:
                continue
            for tag in self._evaluation(name).value("tags"):
                names = owners.setdefault(normal_tag(tag), [])
                if name not in names:
                    names.append(name)
        return owners

    def _evaluation(self, name: str) -> Evaluation:
        found = self._evaluations.get(name)
        if found is None:
            variant = self.variants.by_name[name]
            found = self._evaluations[name] = Evaluation(variant, self._nodes, self.names, lambda: self.selector)
        return found

    def _check_overrides(self, overrides: Iterable[Override]) -> None:
        for override in overrides:
            known: list[tuple[str, Mapping[str, str]]] = [(name, {}) for name in self.spec.targets]
            known += [(each, v.axes) for v in self.variants.by_name.values() for each in (v.name, v.declared.name)]
            if not any(override.matches(name, axes) for name, axes in known):
                hint = did_you_mean(override.pattern, tuple(dict.fromkeys(name for name, _ in known)))
                message = f"--set: no target is called `{override.pattern}`"
                if override.is_glob:
                    message = f"--set: no target matches `{override.pattern}`"
                place = argument("--set", override.place.document.source.text, (0, len(override.pattern)))
                self.report.add(Diagnostic("unknown-target", message, place.key_span(), hint))

    def _check_names(self) -> None:
        """What is wrong whatever is built: names that collide or lead nowhere."""
        self.report.extend(self.variants.collisions)
        self.report.extend(self.variants.warnings)
        found = [d for diagnostics in self.variants.failed.values() for d in diagnostics]
        for name in self.spec.groups:
            found += _errors(self.selector.group, name)
        self.report.extend(d for d in found if d.code not in _OF_VALUES)

    def _requested(self) -> tuple[str, ...]:
        found: list[str] = []
        if not self.request.names:
            try:
                return tuple(self.selector.default())
            except InputError as error:
                self.report.extend(error.diagnostics)
                return error.found if isinstance(error, Incomplete) else ()
        for name in self.request.names:
            try:
                found += self.selector.select(name, self.spec.root)
            except TemplateError as error:
                self.report.add(template_finding(error, argument("command line", name, (0, len(name)))))
            except InputError as error:
                self.report.extend(error.diagnostics)
                found += error.found if isinstance(error, Incomplete) else ()
        return tuple(dict.fromkeys(found))

    def _reached(self, requested: Iterable[str]) -> dict[str, Target]:
        """Everything that the requested targets come to by `contexts` and `after`; errors go to the report."""
        found: dict[str, Target] = {}
        seen: set[str] = set()
        todo = list(requested)
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            try:
                found[name] = self.target(name)
            except InputError as error:
                self.report.extend(error.diagnostics)
            else:
                todo += edges(found[name])
        order = {name: at for at, name in enumerate(self.variants.by_name)}
        return {name: found[name] for name in sorted(found, key=order.__getitem__)}


def resolve(spec: Spec, request: Request | None = None) -> Resolved:
    """The targets that the request stands for. Raises InputError with every error of the spec and what it reaches."""
    resolved = Resolved(spec, request or Request())
    Report(_news(resolved, resolved.report.sorted())).raise_errors()
    return resolved


def check(spec: Spec, request: Request | None = None) -> tuple[Diagnostic, ...]:
    """Every finding of the whole spec: of all targets that are no templates, all groups and all variables."""
    resolved = Resolved(spec, replace(request or Request(), names=("all",)))
    report = Report(resolved.report.sorted())
    for diagnostics in resolved.variants.failed.values():
        report.extend(diagnostics)
    for name in resolved.spec.groups:
        report.extend(_errors(resolved.selector.group, name))
    for member in spec.members:
        for name in member.file.variables:
            report.extend(_errors(resolved.names.value_of, member, name))
    return tuple(_news(resolved, report.sorted()))


def _news(resolved: Resolved, found: Iterable[Diagnostic]) -> list[Diagnostic]:
    whole = all(member.file.is_parsed for member in resolved.spec.members)
    return [each for each in found if whole or each.code not in _OF_NAMES]


def _errors(action: Callable[..., object], *arguments: object) -> tuple[Diagnostic, ...]:
    try:
        action(*arguments)
    except InputError as error:
        return error.diagnostics
    return ()
