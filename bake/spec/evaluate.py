"""A variant → a Target: every value expanded and read, once, and only when something asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bake.errors import Diagnostic, InputError, Span
from bake.spec.atoms import Atom
from bake.spec.document import Place
from bake.spec.entries import replace_same
from bake.spec.expansion import Variant
from bake.spec.keys import FIELD_KEYS, TARGET_KEYS, Key
from bake.spec.leaf import DROPPED, Leaf, template_finding
from bake.spec.nodes import Nodes
from bake.spec.paths import rebase
from bake.spec.redact import redact_finding
from bake.spec.report import Report, did_you_mean
from bake.spec.scope import Names
from bake.spec.select import Selector
from bake.spec.target import Target
from bake.spec.template import TemplateError, Value
from bake.spec.values import plain_text
from bake.spec.workspace import Member

_DEPTH_LIMIT = 20


class Evaluation:
    """The values of one target. What is wrong is in `report`; nothing is evaluated twice."""

    def __init__(self, variant: Variant, nodes: Nodes, names: Names, selector: Callable[[], Selector]) -> None:
        self.variant = variant
        self.report = Report()
        self.secrets: set[str] = set()
        self._nodes, self._names, self._selector = nodes, names, selector
        self._values: dict[str, Any] = {}
        self._kept: dict[str, list[int]] = {}
        self._open: list[str] = []
        self._root = variant.declared.member.file.directory

    def target(self, platform: str) -> Target:
        """The finished target; `platform` is for one that names none. Raises InputError with all that is wrong."""
        written = (key for key in FIELD_KEYS.values() if key.name in self.variant.keys)
        values = {key.field_name: value for key in written if (value := self.value(key.name)) is not None}
        self.report.raise_errors()
        values["platforms"] = values.get("platforms") or (platform,)
        declared = self.variant.declared
        return Target(
            name=self.variant.name,
            root=self._root,
            base_name=declared.name,
            axes=self.variant.axes,
            spans=Spans(self),
            sensitive=frozenset(self.secrets),
            **values,
        )

    def value(self, name: str) -> Any:
        """The final value of a key that is written; without what is wrong in it, which is in `report`."""
        if name not in self._values:
            key, written = TARGET_KEYS[name], self.variant.keys[name]
            if isinstance(written, Leaf):
                value = self._leaf(written)
                self._values[name] = None if value is DROPPED else value
            elif isinstance(written, tuple):
                self._values[name] = self._list(key, written)
            else:
                found = {each: self._leaf(leaf) for each, leaf in written.items()}
                self._values[name] = {each: value for each, value in found.items() if value is not DROPPED}
            if name == "contexts":
                self._values[name] = self._contexts(self._values[name])
        return self._values[name]

    def places(self) -> Iterator[tuple[str, Place, bool]]:
        """(key path, place, whether the key itself stands there), in terms of the finished target."""
        yield "", self.variant.declared.layer.place, True
        for name, written in self.variant.keys.items():
            if isinstance(written, Leaf):
                yield name, written.place, False
            elif isinstance(written, tuple):
                order = self._kept.get(name, range(len(written)))
                for index, at in enumerate(order):
                    if index == 0:
                        yield name, written[at].place, False
                    yield f"{name}[{index}]", written[at].place, False
            else:
                for index, (each, leaf) in enumerate(written.items()):
                    if index == 0:
                        yield name, leaf.place, False
                    yield f"{name}.{each}", leaf.place, False

    def _list(self, key: Key, leaves: tuple[Leaf, ...]) -> tuple[Any, ...]:
        found: list[Any] = []
        origin: list[int] = []
        for index, leaf in enumerate(leaves):
            value = self._leaf(leaf)
            if value is DROPPED:
                continue
            for each in self._targets(value, leaf) if key.name == "after" else (value,):
                found.append(each)
                origin.append(index)
        kept = replace_same(key.atom.entry, found)
        if len(kept) != len(leaves) or any(origin[at] != index for index, at in enumerate(kept)):
            self._kept[key.name] = [origin[at] for at in kept]
        return tuple(found[at] for at in kept)

    def _leaf(self, leaf: Leaf) -> Any:
        """The value; DROPPED when it is to be left out, also because it is wrong."""
        try:
            value = leaf.evaluate(self._lookup_for(leaf), self.secrets)
            if not leaf.constant:
                self._names.count(value)
        except InputError as error:
            self.report.extend(diagnostic.at(leaf.place.span()) for diagnostic in error.diagnostics)
            return DROPPED
        atom = leaf.atom
        if value is DROPPED or not (atom.is_path or atom.entry):
            return value
        if atom.entry is not None:
            shown = (value.get(field.name) for field in atom.entry.fields if field.sensitive)
            self.secrets.update(str(each) for each in shown if each)
        said_in = leaf.place.document.directory
        if said_in is not None and said_in != self._root:
            return _rebased(atom, value, said_in, self._root)
        return value

    def _lookup_for(self, leaf: Leaf) -> Callable[[str, str, bool], Value]:
        member = self._nodes.member_of(leaf.place.document, self.variant.declared.member)

        def lookup(name: str, part: str, plain: bool) -> Value:
            axis = self.variant.axes.get(name)
            if axis is not None:
                return Value(axis)
            if name.startswith("target."):
                return self._of_target(name[len("target.") :], part)
            return self._names.lookup(name, part, plain, member)

        return lookup

    def _of_target(self, path: str, part: str) -> Value:
        """`${target.name}`, `${target.base}`, a scalar key or an entry of a table such as `${target.args.X}`."""
        if path == "name":
            return Value(self.variant.name.rpartition(":")[2])
        if path == "base":
            return Value(self.variant.declared.short)
        name, _, rest = path.partition(".")
        key = FIELD_KEYS.get(name.replace("_", "-"))
        if key is None or key.shape == "list" or (key.shape == "table") != bool(rest):
            known = (
                "name",
                "base",
                *(each.field_name for each in FIELD_KEYS.values() if each.shape == "scalar"),
                "args",
            )
            raise TemplateError(f"`target.{path}` is not known", part, did_you_mean(name, known), code="undefined-name")
        if path in self._open:
            circle = " → ".join(f"target.{each}" for each in [*self._open[self._open.index(path) :], path])
            raise TemplateError(f"values stand for each other in a circle: {circle}", part, code="variable-cycle")
        if len(self._open) > _DEPTH_LIMIT:
            raise TemplateError("values stand for each other too deeply", part, code="nested-too-deeply")
        written = self.variant.keys.get(key.name)
        leaf = written.get(rest) if isinstance(written, Mapping) else written
        if not isinstance(leaf, Leaf):
            return Value({"context": ".", "dockerfile": "Dockerfile", "network": "default"}.get(path))
        self._open.append(path)
        secrets: set[str] = set()
        try:
            value = leaf.evaluate(self._lookup_for(leaf), secrets)
        finally:
            self._open.pop()
        return Value(None if value is DROPPED else plain_text(value), frozenset(secrets))

    def _contexts(self, contexts: dict[str, str]) -> dict[str, str]:
        """`target:NAME` with the full name of the one target that is meant."""
        written = self.variant.keys["contexts"]
        found = dict(contexts)
        for name, value in contexts.items():
            if value.startswith("target:") and isinstance(written, Mapping):
                targets = self._targets(value.removeprefix("target:"), written[name])
                if len(targets) == 1:
                    found[name] = f"target:{targets[0]}"
                elif targets:
                    message = f"`{value}` stands for {len(targets)} targets; a context is one"
                    hint = f"for example target:{targets[0]}"
                    self.report.add(Diagnostic("ambiguous-name", message, written[name].place.span(), hint))
        return found

    def _targets(self, text: str, leaf: Leaf) -> list[str]:
        member: Member = self._nodes.member_of(leaf.place.document, self.variant.declared.member)
        try:
            found = self._selector().select(text, member)
        except TemplateError as error:
            self.report.add(redact_finding(template_finding(error, leaf.place), self.secrets))
            return []
        except InputError as error:
            self.report.extend(error.diagnostics)
            return []
        if found == [self.variant.name]:
            message = f"`{self.variant.name}` cannot wait for itself"
            self.report.add(Diagnostic("target-cycle", message, leaf.place.span()))
        return [name for name in found if name != self.variant.name]


class Spans(Mapping[str, Span]):
    """`Target.spans`, found when one is asked for: a run without errors needs few or none."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._found: dict[str, tuple[Place, bool]] | None = None

    def _places(self) -> dict[str, tuple[Place, bool]]:
        if self._found is None:
            self._found = {path: (place, is_key) for path, place, is_key in self._evaluation.places()}
        return self._found

    def __getitem__(self, path: str) -> Span:
        place, is_key = self._places()[path]
        return place.key_span() if is_key else place.span()

    def __contains__(self, path: object) -> bool:
        return path in self._places()

    def __iter__(self) -> Iterator[str]:
        return iter(self._places())

    def __len__(self) -> int:
        return len(self._places())


def _rebased(atom: Atom, value: Any, said_in: str, root: str) -> Any:
    if atom.entry is not None:
        if value.get("type") == "env":
            return value
        return {
            name: _rebased(field.atom, each, said_in, root) if (field := atom.entry.field(name)) else each
            for name, each in value.items()
        }
    if not atom.is_path:
        return value
    if isinstance(value, tuple):
        return tuple(rebase(str(each), said_in, root) for each in value)
    return rebase(value, said_in, root)
