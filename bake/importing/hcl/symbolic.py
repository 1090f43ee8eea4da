"""An expression → the text of bake.toml that means the same, with its variables; None where there is no such text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from bake.errors import InputError
from bake.importing.hcl.bindings import Axis, Delayed, Env, Known, NeedsAxis
from bake.importing.hcl.convert import Mismatch, to_text
from bake.importing.hcl.evaluate import Evaluator
from bake.importing.hcl.nodes import Binary, Call, Conditional, Literal, Name, Node, Template

_SAFE = re.compile(r"[A-Za-z0-9._:@=,+ /-]*")
"""Texts that mean themselves inside of a form such as `:+`."""
_FORM = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::[-+][A-Za-z0-9._:@=,+ /-]*)?\}")


def escape(text: str) -> str:
    """A text as bake.toml writes it."""
    return text.replace("${", "$${")


class Symbols:
    """`live`: HCL name → name in bake.toml, of the variables that bake.toml declares; `nullable`: those of the latter
    that are null by default, which bake.toml cannot say."""

    def __init__(self, evaluator: Evaluator, live: Mapping[str, str]) -> None:
        self.nullable: set[str] = set()
        self.evaluator = evaluator
        self.live = live

    def known(self, node: Node, env: Env) -> Known | None:
        """The value of what depends on no variable and no axis."""
        with self.evaluator.reading() as reads:
            try:
                found = Known(self.evaluator.value(node, env))
            except (NeedsAxis, InputError):
                return None
            return None if reads else found

    def text(self, node: Node, env: Env) -> str | None:
        """Raises Unsupported, and InputError for more work than is sensible."""
        self.evaluator.count(node)
        rule = _RULES.get(type(node))
        found = rule(self, node, env) if rule is not None else None
        if found is not None:
            return found
        known = self.known(node, env)
        try:
            return escape(to_text(known.value)) if known is not None else None
        except Mismatch:
            return None

    def is_nullable(self, node: Node, env: Env) -> bool:
        """Whether it is a variable, and nothing else, that is null by default."""
        return self.reference(node, env) in self.nullable

    def reference(self, node: Node, env: Env) -> str | None:
        """The name in bake.toml, for a node that is a variable or an axis and nothing else."""
        if isinstance(node, Template) and len(node.parts) == 1:
            return self.reference(node.parts[0], env)
        if not isinstance(node, Name):
            return None
        bound = env.get(node.name)
        if isinstance(bound, Delayed):
            return self.reference(bound.node, bound.env)
        if isinstance(bound, Axis):
            return bound.name
        return self.live.get(node.name) if bound is None else None


def _template(self: Symbols, node: Template, env: Env) -> str | None:
    found = ""
    for part in node.parts:
        text = self.text(part, env)
        if text is None or (found.endswith("$") and text.startswith(("{", "$"))):
            return None
        found += text
    return found


def _name(self: Symbols, node: Name, env: Env) -> str | None:
    bound = env.get(node.name)
    if isinstance(bound, Delayed):
        return self.text(bound.node, bound.env)
    name = self.reference(node, env)
    return f"${{{name}}}" if name is not None else None


def _conditional(self: Symbols, node: Conditional, env: Env) -> str | None:
    known = self.known(node.condition, env)
    if known is not None:
        return self.text(node.yes if self.evaluator.truth(node.condition, env) else node.no, env)
    asked = _asks_if_set(self, node.condition, env)
    if asked is None:
        return None
    name, is_set = asked
    full, empty = (node.yes, node.no) if is_set else (node.no, node.yes)
    with_value, without = self.text(full, env), self.text(empty, env)
    if with_value == f"${{{name}}}" and without is not None and _fits(without):
        return f"${{{name}:-{without}}}" if without else with_value
    if with_value is None or without is None or not _fits(with_value) or not _fits(without):
        return None
    return _either(name, with_value, without)


def _either(name: str, with_value: str, without: str) -> str | None:
    """`with_value` when the variable is not empty, else `without`, which is empty or stands for the variable alone."""
    if not without:
        return f"${{{name}:+{with_value}}}"
    before, variable, after = with_value.partition(f"${{{name}}}")
    if not variable or f"${{{name}}}" in after:
        return None
    common = before if without.startswith(before) else ""
    before, without = before.removeprefix(common), without.removeprefix(common)
    added = (f"${{{name}:+{text}}}" if text else "" for text in (before, after))
    return f"{common}{next(added)}${{{name}:-{without}}}{next(added)}"


def _fits(text: str) -> bool:
    """Whether a text means itself in the word of a form."""
    while (inner := _FORM.sub("x", text)) != text:
        text = inner
    return _SAFE.fullmatch(text) is not None


def _asks_if_set(self: Symbols, node: Node, env: Env) -> tuple[str, bool] | None:
    """`(name, True)` for a condition that is true when the variable is not empty, `(name, False)` for its opposite."""
    if isinstance(node, Binary) and node.sign in ("==", "!="):
        sides, is_set = (node.left, node.right), node.sign == "!="
    elif isinstance(node, Call) and node.name in ("equal", "notequal") and len(node.args) == 2:
        sides, is_set = (node.args[0], node.args[1]), node.name == "notequal"
    else:
        return None
    for one, other in (sides, sides[::-1]):
        name = self.reference(one, env)
        if name is not None and isinstance(other, Literal) and other.value in ("", None):
            return name, is_set
    return None


def _call(self: Symbols, node: Call, env: Env) -> str | None:
    function = self.evaluator.definitions.functions.get(node.name)
    if function is not None:
        try:
            return self.text(function.result, self.evaluator.bind(function, node, env))
        except (NeedsAxis, InputError):
            return None
    form = _FORMS.get(node.name)
    name = self.reference(node.args[0], env) if node.args else None
    if form is not None and name is not None:
        words = [self.known(each, env) for each in node.args[1:]]
        texts = [word.value for word in words if word is not None and isinstance(word.value, str)]
        if len(texts) == len(words) and all(_SAFE.fullmatch(each) for each in texts):
            return form(name, texts)
    return _formatted(self, node, env) if node.name == "format" and node.args else None


def _formatted(self: Symbols, node: Call, env: Env) -> str | None:
    pattern = self.known(node.args[0], env)
    if pattern is None or not isinstance(pattern.value, str):
        return None
    pieces = re.split(r"%[sv]", pattern.value)
    texts = [self.text(each, env) for each in node.args[1:]]
    if len(pieces) != len(texts) + 1 or any("%" in piece for piece in pieces) or None in texts:
        return None
    found = "".join(escape(piece) + (text or "") for piece, text in zip(pieces, [*texts, ""], strict=True))
    return found if "$$" not in found.replace("$${", "") else None


def _replace(name: str, texts: list[str]) -> str | None:
    if len(texts) != 2 or not texts[0]:
        return None
    old = texts[0].replace("/", "\\/")
    return f"${{{name}//{old}/{texts[1]}}}"


_FORMS: Mapping[str, Callable[[str, list[str]], str | None]] = {
    "lower": lambda name, texts: f"${{{name} | lower}}" if not texts else None,
    "upper": lambda name, texts: f"${{{name} | upper}}" if not texts else None,
    "replace": _replace,
    "trimprefix": lambda name, texts: f"${{{name}#{texts[0]}}}" if len(texts) == 1 and texts[0] else None,
    "trimsuffix": lambda name, texts: f"${{{name}%{texts[0]}}}" if len(texts) == 1 and texts[0] else None,
}

_RULES: Mapping[type, Callable[[Symbols, object, Env], str | None]] = {
    Template: _template,  # type: ignore[dict-item]
    Name: _name,  # type: ignore[dict-item]
    Conditional: _conditional,  # type: ignore[dict-item]
    Call: _call,  # type: ignore[dict-item]
}
