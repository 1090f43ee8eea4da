"""Declared targets with all that is laid over them, before a matrix splits them.

From the bottom up: `[defaults]` (the including file's first), those of the profiles, the ancestors from the farthest
to the nearest, the target itself. At each of them: the declaration, what including files say about it, the profiles,
`--set` by its name.
"""

from __future__ import annotations

from collections.abc import Sequence

from bake.errors import Diagnostic, InputError, Span
from bake.spec.document import Document
from bake.spec.layer import Layer, Merged, merge
from bake.spec.leaf import Leaf
from bake.spec.linear import DEPTH_LIMIT, InheritanceError, linearise
from bake.spec.overrides import Override
from bake.spec.report import RELATED, arrows, did_you_mean
from bake.spec.scope import Names
from bake.spec.workspace import Declared, Member, Spec, lineage, profile_target


class Nodes:
    """The declared targets of one run. What is asked for is computed once; InputError is raised for what is wrong."""

    def __init__(self, spec: Spec, names: Names, profiles: Sequence[str], overrides: Sequence[Override]) -> None:
        self._spec = spec
        self._names = names
        self._profiles = profiles
        self.overrides = overrides
        self._profile_layers = _profile_layers(spec, profiles)
        self._members = {member.file.document: member for member in spec.members}
        self._orders: dict[str, tuple[str, ...]] = {}
        self._broken: dict[str, InputError] = {}  # targets that have no order
        self._parents: dict[str, tuple[str, ...]] = {}
        self._bases: dict[Member, Merged] = {}
        self._merged: dict[tuple[Member, str], Merged] = {}

    def member_of(self, document: Document, default: Member) -> Member:
        """The file whose names a value of `document` sees; `--set` sees those of the target that it changes."""
        return self._members.get(document, default)

    def declared(self, name: str) -> Merged:
        """The keys of the target of that full name, without the `--set` meant for it alone."""
        member = self._spec.targets[name].member
        below = self._below(member, self.order(name))
        for layer in self._own(name):
            below = merge(below, layer)
        return below

    def order(self, name: str) -> tuple[str, ...]:
        """The target and its ancestors, nearest first. Raises InputError."""
        found = self._orders.get(name)
        if found is not None:
            return found
        path: dict[str, Sequence[str]] = {}
        try:
            return linearise(name, self.parents, self._orders, path)
        except InheritanceError as error:
            failure = InputError(self._inheritance(error))
        except InputError as error:
            failure = error
        self._broken.update(dict.fromkeys([*path, name], failure))
        raise failure

    def parents(self, name: str) -> tuple[str, ...]:
        """Full names of what it inherits, in order. Raises InputError for a name that is no target."""
        if name in self._broken:
            raise self._broken[name]
        if name not in self._parents:
            leaves = self._inherits(name)
            member = self._spec.targets[name].member
            errors: list[Diagnostic] = []
            found: list[str] = []
            for leaf in leaves:
                try:
                    found.append(self._parent(leaf, member))
                except InputError as error:
                    errors += error.diagnostics
            if errors:
                raise InputError(errors)
            self._parents[name] = tuple(found)
        return self._parents[name]

    def _inherits(self, name: str) -> tuple[Leaf, ...]:
        leaves: tuple[Leaf, ...] = ()
        for layer in self._own(name):
            written = layer.assigned.get("inherits", leaves)
            leaves = (*written, *layer.extended.get("inherits", ()))  # type: ignore[misc]
        return leaves

    def _parent(self, leaf: Leaf, member: Member) -> str:
        said_by = self.member_of(leaf.place.document, member)
        name = str(leaf.evaluate(lambda name, part, plain: self._names.lookup(name, part, plain, said_by), set()))
        found = [full for full in self._spec.find(name, said_by) if full in self._spec.targets]
        if len(found) == 1:
            return found[0]
        span = leaf.place.span()
        if found:
            hint = f"write one of {', '.join(found)}"
            raise InputError(Diagnostic("ambiguous-name", f"`{name}` may mean several targets", span, hint))
        hint = did_you_mean(name, tuple(self._spec.targets)) or "a parent is the name of a declared target"
        raise InputError(Diagnostic("unknown-target", f"`inherits` names `{name}`, which is no target", span, hint))

    def _own(self, name: str) -> list[Layer]:
        declared = self._spec.targets[name]
        return [declared.layer, *declared.overlays, *self._profile_layers.get(name, ())]

    def _all(self, name: str) -> list[Layer]:
        exact = [each.layer for each in self.overrides if not each.is_glob and each.matches(name, {})]
        return [*self._own(name), *exact]

    def _below(self, member: Member, order: Sequence[str]) -> Merged:
        """What the ancestors of `order[0]` give. A chain shares the work with its other descendants."""
        start = len(order)
        for index in range(1, len(order)):
            is_chain = len(self._orders[order[index]]) == len(order) - index
            if is_chain and (member, order[index]) in self._merged:
                start = index
                break
        below = self._merged[member, order[start]] if start < len(order) else self._base(member)
        for index in range(start - 1, 0, -1):
            for layer in self._all(order[index]):
                below = merge(below, layer)
            if len(self._orders[order[index]]) == len(order) - index:
                self._merged[member, order[index]] = below
        return below

    def _base(self, member: Member) -> Merged:
        if member not in self._bases:
            files = [each.file for each in reversed(list(lineage(member)))]
            layers = [file.defaults for file in files]
            for name in self._profiles:
                layers += [file.profiles[name].defaults for file in files if name in file.profiles]
            below: Merged = {}
            for layer in layers:
                below = below if layer is None else merge(below, layer)
            self._bases[member] = {key: written for key, written in below.items() if key != "inherits"}
        return self._bases[member]

    def _inheritance(self, error: InheritanceError) -> Diagnostic:
        if error.circle:
            return self._circle(error.circle[:-1])
        name = error.node
        span = self._inherits(name)[0].place.span()
        if error.too_deep:
            return Diagnostic("nested-too-deeply", f"`{name}` has more than {DEPTH_LIMIT} ancestors", span)
        parents = ", ".join(f"`{parent}`" for parent in self._parents[name])
        message = f"the parents of `{name}` ({parents}) order their common ancestors in ways that contradict each other"
        related = tuple(_declared_here(self._spec.targets[each]) for each in self._parents[name])
        return Diagnostic("inheritance-conflict", message, span, "name a child before its parent", related=related)

    def _circle(self, names: Sequence[str]) -> Diagnostic:
        """The same finding wherever the circle was entered: told from the target declared first."""
        declared = {name: at for at, name in enumerate(self._spec.targets)}
        start = min(range(len(names)), key=lambda at: declared[names[at]])
        first, *others = (*names[start:], *names[:start])
        message = f"targets inherit from each other in a circle: {arrows([first, *others, first])}"
        at = self._parents[first].index(others[0] if others else first)
        related = tuple(_declared_here(self._spec.targets[each]) for each in others[:RELATED])
        return Diagnostic("inheritance-cycle", message, self._inherits(first)[at].place.span(), related=related)


def _declared_here(declared: Declared) -> tuple[Span, str]:
    return declared.layer.place.key_span(), f"`{declared.name}` is declared here"


def _profile_layers(spec: Spec, profiles: Sequence[str]) -> dict[str, list[Layer]]:
    found: dict[str, list[Layer]] = {}
    for name in profiles:
        for member in spec.members:
            profile = member.file.profiles.get(name)
            for written, layer in profile.targets.items() if profile else ():
                full = profile_target(spec, member, written)
                if full is not None:
                    found.setdefault(full, []).append(layer)
    return found
