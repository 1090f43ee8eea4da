"""Expressions → values that bake.toml can hold: element by element as they are where that is possible, else fixed.

A fixed value is what the expression gives with the defaults of the variables; a note says which those were.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bake.errors import InputError
from bake.importing.hcl.bindings import Delayed, Env, Known
from bake.importing.hcl.convert import Mismatch, Value, to_bool, to_text
from bake.importing.hcl.evaluate import Evaluator
from bake.importing.hcl.nodes import Call, Conditional, For, Literal, Name, Node, Object, Template, Tuple
from bake.importing.hcl.symbolic import Symbols, escape
from bake.importing.notes import Notes, Unsupported, fault
from bake.spec.atoms import FLAG, INTEGER, LIMIT, Atom

_KEPT = (FLAG, INTEGER, LIMIT)
"""Kinds of values that TOML has a type for; all others are written as texts."""
Piece = Known | Delayed


class Lowering:
    """For one import. `key` in the arguments is how notes call the place."""

    def __init__(self, evaluator: Evaluator, symbols: Symbols, notes: Notes) -> None:
        self.evaluator = evaluator
        self.symbols = symbols
        self.notes = notes

    def scalar(self, node: Node, env: Env, atom: Atom, key: str) -> Any:
        """A single value; None for null. Raises InputError, NeedsAxis, Unsupported."""
        known = self.symbols.known(node, env)
        if known is None:
            if self.symbols.is_nullable(node, env) and not atom.drops_empty:
                message = f"`{key}` is left out: its variable is null by default, so the peer does not pass it"
                self.notes.add("null-value", node.at, message, "give it with --set, or the variable a default")
                return None
            text = self.symbols.text(node, env)
            if text is not None:
                return text
            known = self.fixed(node, env, key)
        return self._plain(known.value, atom, node)

    def _plain(self, value: Value, atom: Atom, node: Node) -> Any:
        if value is None:
            return None
        try:
            if atom is FLAG:
                return to_bool(value)
            return value if atom in _KEPT and not isinstance(value, str | list | dict) else escape(to_text(value))
        except Mismatch as problem:
            raise fault(self.notes.source, node.at, str(problem), code="import-value") from None

    def fixed(self, node: Node, env: Env, key: str) -> Known:
        """The value with the variables at their defaults, which is noted. Raises InputError, NeedsAxis, Unsupported."""
        with self.evaluator.reading() as reads:
            found = Known(self.evaluator.value(node, env))
        if reads:
            names = ", ".join(f"`{name}`" for name in reads)
            message = f"`{key}` is written as a fixed value: bake.toml has no such expression over {names}"
            self.notes.add("fixed-value", node.at, message, "change it where the variable changes")
        return found

    def piece(self, piece: Piece, atom: Atom, key: str, at: Node) -> Any:
        """As `scalar`, for an element."""
        if isinstance(piece, Delayed):
            return self.scalar(piece.node, piece.env, atom, key)
        return self._plain(piece.value, atom, at)

    def elements(self, node: Node, env: Env, key: str) -> Iterator[Piece]:
        """The elements of a list, unevaluated where the list is written out. Raises as `scalar`."""
        known = self.symbols.known(node, env)
        if known is not None:
            yield from (Known(each) for each in _listed(known.value))
            return
        inner = self._through(node, env)
        if inner is not None:
            yield from self.elements(inner.node, inner.env, key)
        elif (alternatives := self._alternatives(node, env, key)) is not None:
            yield from alternatives
        elif isinstance(node, Tuple):
            yield from (Delayed(each, env) for each in node.items)
        elif isinstance(node, Call) and node.name in ("concat", "compact") and not node.spread:
            for each in node.args:  # what is empty is dropped from its list anyway
                yield from self.elements(each, env, key)
        elif isinstance(node, Call) and node.name == "flatten" and isinstance(node.args[0], Tuple) and not node.spread:
            for each in node.args[0].items:
                nested = isinstance(self.evaluator.value(each, env), list)
                yield from self.elements(each, env, key) if nested else (Delayed(each, env),)
        elif isinstance(node, For) and node.key is None and self._goes_through_known(node, env):
            yield from (Delayed(node.value, each) for each in self.evaluator.steps(node, env))
        else:
            yield from (Known(each) for each in _listed(self.fixed(node, env, key).value))

    def _alternatives(self, node: Node, env: Env, key: str) -> list[Piece] | None:
        """The elements of `condition ? […] : […]`: first those of both, then each with the condition.

        What cannot be written so is left out when the defaults leave it out too, which is noted; else None.
        """
        if not isinstance(node, Conditional) or not isinstance(node.yes, Tuple) or not isinstance(node.no, Tuple):
            return None
        yes, no = ([(each, self.symbols.known(each, env)) for each in side.items] for side in (node.yes, node.no))
        shared = [known for _, known in yes if known is not None and known in [other for _, other in no]]
        nothing = Literal(node.at, "")  # an element that is empty is dropped from its list
        parted = [replace(node, yes=each, no=nothing) for each, known in yes if known not in shared]
        parted += [replace(node, yes=nothing, no=each) for each, known in no if known not in shared]
        kept = [each for each in parted if self.symbols.text(each, env) is not None]
        if any(self.fixed(each, env, key).value not in ("", None) for each in parted if each not in kept):
            return None
        return [*shared, *(Delayed(each, env) for each in kept)]

    def pairs(self, node: Node, env: Env, key: str) -> Iterator[tuple[str, Piece, int]]:
        """The keys of an object and their values, unevaluated where it is written out. Raises as `scalar`."""
        inner = self._through(node, env)
        if inner is not None:
            yield from self.pairs(inner.node, inner.env, key)
        elif isinstance(node, Object):
            for name, value in node.pairs:
                yield self._text(name, env, key), Delayed(value, env), name.at
        elif isinstance(node, Call) and node.name == "merge" and not node.spread:
            for each in node.args:
                yield from self.pairs(each, env, key)
        elif (
            isinstance(node, For) and node.key is not None and not node.grouped and self._goes_through_known(node, env)
        ):
            for inside in self.evaluator.steps(node, env):
                yield self._text(node.key, inside, key), Delayed(node.value, inside), node.at
        else:
            value = self.fixed(node, env, key).value
            if not isinstance(value, dict | None):
                raise fault(self.notes.source, node.at, f"`{key}` must be an object", code="import-value")
            yield from ((name, Known(each), node.at) for name, each in (value or {}).items())

    def _text(self, node: Node, env: Env, key: str) -> str:
        try:
            return to_text(self.fixed(node, env, key).value)
        except Mismatch as problem:
            raise fault(self.notes.source, node.at, str(problem), code="import-value") from None

    def _through(self, node: Node, env: Env) -> Delayed | None:
        """What stands behind a name, a call of a user's function, or a condition that is known."""
        definitions = self.evaluator.definitions
        if isinstance(node, Template) and len(node.parts) == 1:
            return Delayed(node.parts[0], env)
        if isinstance(node, Name):
            bound = env.get(node.name)
            if isinstance(bound, Delayed):
                return bound
            constant = definitions.constants.get(node.name)
            is_constant = bound is None and constant is not None and node.name not in definitions.variables
            return Delayed(constant.node, {}) if is_constant and constant is not None else None
        if isinstance(node, Call) and node.name in definitions.functions:
            function = definitions.functions[node.name]
            return Delayed(function.result, self.evaluator.bind(function, node, env))
        if isinstance(node, Conditional) and self.symbols.known(node.condition, env) is not None:
            return Delayed(node.yes if self.evaluator.truth(node.condition, env) else node.no, env)
        return None

    def _goes_through_known(self, node: For, env: Env) -> bool:
        """Whether which elements a `for` has depends on no variable."""
        with self.evaluator.reading() as reads:
            try:
                for _ in self.evaluator.steps(node, env):
                    pass
            except (InputError, Unsupported):
                return False
        return not reads


def _listed(value: Value) -> list[Value]:
    """One value stands for a list of one, null for an empty one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
