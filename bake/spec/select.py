"""What a name stands for, on the command line, in a group and in `after`.

A name is that of a target, of a group, or of a matrix (all its combinations); `all`; or a glob over targets, never
templates. Each may have conditions behind it (`bake.spec.conditions`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cached_property

from bake.errors import Diagnostic, InputError
from bake.spec.conditions import Conditions, has_value, split_conditions
from bake.spec.leaf import DROPPED, template_finding
from bake.spec.report import arrows, did_you_mean
from bake.spec.scope import Names
from bake.spec.template import TemplateError, Value
from bake.spec.variants import Variants
from bake.spec.workspace import DeclaredGroup, Member, Spec


class Incomplete(InputError):
    """Some of what a selection stands for is wrong; `found` is the rest, so that its errors can be told too."""

    def __init__(self, diagnostics: Sequence[Diagnostic], found: Sequence[str]) -> None:
        super().__init__(diagnostics)
        self.found = tuple(found)


_DEPTH_LIMIT = 50
_HINTS = 100
"""How many unknown names get a suggestion: finding one takes time, and nobody reads more."""


class Selector:
    """Answers from one run's variants. TemplateError is for the place that asks, InputError for faults elsewhere."""

    def __init__(self, spec: Spec, variants: Variants, names: Names) -> None:
        self._spec, self._variants, self._names = spec, variants, names
        self._groups: dict[str, tuple[str, ...] | InputError] = {}
        self._open: list[str] = []
        self._hints_left = _HINTS
        self._shorts: dict[str, list[str]] = {}
        for full in variants.by_name:
            short = full.rpartition(":")[2]
            if short != full:
                self._shorts.setdefault(short, []).append(full)

    def select(self, text: str, member: Member) -> list[str]:
        """Full names of the targets that `text` stands for where `member` says it, each once."""
        name, conditions = split_conditions(text)
        found = list(dict.fromkeys(self._named(name, member)))
        return self._filtered(found, conditions, text) if conditions else found

    def default(self) -> list[str]:
        """What `bake` without names builds: the root file's group or target `default`, else all."""
        root = self._spec.root
        if "default" in self._spec.groups or "default" in self._spec.targets:
            return self.select("default", root)
        return self.select("all", root)

    def group(self, name: str) -> tuple[str, ...]:
        """The targets of the group of that full name. Raises InputError."""
        known = self._groups.get(name)
        if isinstance(known, InputError):
            raise known
        if known is not None:
            return known
        group = self._spec.groups[name]
        span = group.group.place.key_span
        if name in self._open:
            circle = arrows([*self._open[self._open.index(name) :], name])
            raise InputError(Diagnostic("group-cycle", f"groups hold each other in a circle: {circle}", span()))
        if len(self._open) > _DEPTH_LIMIT:
            message = f"groups hold each other more than {_DEPTH_LIMIT} deep"
            raise InputError(Diagnostic("nested-too-deeply", message, span()))
        self._open.append(name)
        try:
            found = self._members(group)
        except InputError as error:
            self._groups[name] = error
            raise
        finally:
            self._open.pop()
        self._groups[name] = found
        return found

    def _members(self, group: DeclaredGroup) -> tuple[str, ...]:
        found: list[str] = []
        errors: list[Diagnostic] = []

        def lookup(name: str, part: str, plain: bool) -> Value:
            return self._names.lookup(name, part, plain, group.member)

        for leaf in group.group.members:
            try:
                text = leaf.evaluate(lookup, set())
                found += self.select(text, group.member) if text is not DROPPED else ()
            except TemplateError as error:
                errors.append(template_finding(error, leaf.place))
            except InputError as error:
                errors += error.diagnostics
                found += error.found if isinstance(error, Incomplete) else ()
        if errors:
            raise Incomplete(errors, found)
        return tuple(dict.fromkeys(found))

    def _named(self, name: str, member: Member) -> Iterable[str]:
        if name == "all":
            everything = [each.name for each in self._variants.by_name.values() if not each.declared.is_template]
            self._raise_failed(lambda _: True, everything)
            return everything
        if any(char in name for char in "*?["):
            return self._glob(name)
        if member.full(name) in self._variants.by_name:
            return [member.full(name)]
        found = self._spec.find(name, member)
        if not found:
            found = (name,) if name in self._variants.by_name else tuple(self._shorts.get(name, ()))
        if len(found) > 1:
            hint = f"write one of {', '.join(found)}"
            raise TemplateError(f"`{name}` may mean several things", name, hint, code="ambiguous-name")
        if not found:
            raise self._unknown(name)
        return self._full(found[0])

    def _full(self, full: str) -> Iterable[str]:
        if full in self._spec.groups:
            return self.group(full)
        if full in self._variants.failed:
            raise InputError(self._variants.failed[full])
        base = self._variants.by_base.get(full)
        return [full] if base is None else [variant.name for variant in base]

    def _glob(self, pattern: str) -> list[str]:
        def fits(full: str) -> bool:
            return fnmatchcase(full, pattern) or fnmatchcase(full.rpartition(":")[2], pattern)

        found = [
            each.name
            for each in self._variants.by_name.values()
            if not each.declared.is_template and (fits(each.name) or fits(each.declared.name))
        ]
        self._raise_failed(fits, found)
        if not found:
            hint = "globs never match templates" if any(map(fits, self._spec.targets)) else None
            raise TemplateError(f"no target matches `{pattern}`", pattern, hint, code="unknown-target")
        return found

    def _filtered(self, found: Sequence[str], conditions: Conditions, text: str) -> list[str]:
        variants = [self._variants.by_name[name] for name in found]
        for axis, patterns in conditions.items():
            known = list(dict.fromkeys(name for each in variants for name in each.axes))
            if axis not in known:
                hint = did_you_mean(axis, known) or "it has no matrix"
                message = f"`{axis}` is no axis of `{text.partition('[')[0]}`"
                raise TemplateError(message, text, hint, code="unknown-axis")
            for pattern in patterns:
                if not any(has_value(each.axes, axis, [pattern]) for each in variants):
                    there = list(dict.fromkeys(each.axes[axis] for each in variants if axis in each.axes))
                    message = f"axis `{axis}` has no value '{pattern}' here"
                    raise TemplateError(message, text, did_you_mean(pattern, there), code="unknown-axis-value")
            variants = [each for each in variants if has_value(each.axes, axis, patterns)]
        return [each.name for each in variants]

    @cached_property
    def _known(self) -> tuple[str, ...]:
        names = (*self._spec.groups, *self._spec.targets, *self._variants.by_name, *self._shorts)
        return tuple(dict.fromkeys(names))

    def _raise_failed(self, fits: Callable[[str], bool], found: Sequence[str]) -> None:
        errors = [
            diagnostic
            for name, diagnostics in self._variants.failed.items()
            if fits(name) and not self._spec.targets[name].is_template
            for diagnostic in diagnostics
        ]
        if errors:
            raise Incomplete(errors, found)

    def _unknown(self, name: str) -> Exception:
        for failed, diagnostics in self._variants.failed.items():
            if name.startswith(failed.rpartition(":")[2]):
                return InputError(diagnostics)
        self._hints_left -= 1
        hint = did_you_mean(name, self._known) if self._hints_left > 0 else None
        return TemplateError(f"`{name}` is no target and no group", name, hint, code="unknown-target")
