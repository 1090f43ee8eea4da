"""The codes of all diagnostics, collected from the source: what can reach `Diagnostic(code, …)`, by name of callable.

A carrier is a function or class with a parameter that becomes a diagnostic's code (or is called `code`). Codes are
the texts given for it, its defaults, and, in modules that read codes from a table, the first word of each row.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "bake"
_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Carrier:
    """`position` of the code among the arguments; `needed`: how many arguments a call has at least."""

    package: str
    parameter: str
    position: int
    needed: int


@lru_cache(maxsize=1)
def codes() -> dict[str, str]:
    """Code → a place where it is made."""
    trees = {path: ast.parse(path.read_text()) for path in sorted(SOURCE.rglob("*.py"))}
    carriers: dict[str, list[Carrier]] = {"Diagnostic": [Carrier("", "code", 0, 2)]}
    found: dict[str, str] = {}
    for path, tree in trees.items():
        package = path.relative_to(SOURCE).parts[0]
        for name, carrier, defaults in _carriers(tree, package):
            carriers.setdefault(name, []).append(carrier)
            found |= {code: str(path) for code in defaults}
    for path, tree in trees.items():
        package = path.relative_to(SOURCE).parts[0]
        others = _own(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _of_self(node) in others:
                continue
            for code in _given(node, carriers, package):
                found.setdefault(code, f"{path}:{getattr(node, 'lineno', 0)}")
        if _reads_a_table(tree):
            for code in _rows(tree):
                found.setdefault(code, str(path))
    return found


def _carriers(tree: ast.Module, package: str) -> Iterator[tuple[str, Carrier, list[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            fields = [f for f in node.body if isinstance(f, ast.AnnAssign) and isinstance(f.target, ast.Name)]
            names = [f.target.id for f in fields if isinstance(f.target, ast.Name)]
            if "code" in names and _is_text(fields[names.index("code")].annotation):
                needed = sum(f.value is None for f in fields)
                yield node.name, Carrier("", "code", names.index("code"), needed), []
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    yield from _of_function(method, node.name, "")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name != "__init__":
            yield from _of_function(node, node.name, package)


def _own(tree: ast.Module) -> set[str]:
    """Functions of this module that carry no code, so that `self.NAME(…)` means one of them."""
    functions = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    return functions - {name for name, *_ in _carriers(tree, "")}


def _of_self(call: ast.Call) -> str:
    function = call.func
    own = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "self"
    return _name(call) if own else ""


def _of_function(
    node: ast.FunctionDef | ast.AsyncFunctionDef, name: str, package: str
) -> Iterator[tuple[str, Carrier, list[str]]]:
    positional = [a for a in node.args.args if a.arg not in ("self", "cls")]
    everything = [*positional, *node.args.kwonlyargs]
    made = {
        call.args[0].id
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and _name(call) == "Diagnostic" and call.args
        if isinstance(call.args[0], ast.Name)
    }
    defaults = dict(zip([a.arg for a in positional][::-1], node.args.defaults[::-1], strict=False))
    defaults |= {a.arg: d for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is not None}
    for argument in everything:
        if argument.arg in made or (argument.arg == "code" and _is_text(argument.annotation)):
            position = positional.index(argument) if argument in positional else 1000
            needed = sum(a.arg not in defaults for a in positional)
            carrier = Carrier(package, argument.arg, position, needed)
            yield name, carrier, list(_texts(defaults.get(argument.arg)))


def _given(node: ast.AST, carriers: dict[str, list[Carrier]], package: str) -> Iterator[str]:
    if not isinstance(node, ast.Call):
        return
    for carrier in carriers.get(_name(node), ()):
        if carrier.package not in ("", package) or len(node.args) + len(node.keywords) < carrier.needed:
            continue
        if len(node.args) > carrier.position:
            yield from _texts(node.args[carrier.position])
        yield from (c for k in node.keywords if k.arg == carrier.parameter for c in _texts(k.value))


def _reads_a_table(tree: ast.Module) -> bool:
    """Whether a diagnostic's code is a name that no enclosing function has as a parameter."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        parameters = {a.arg for a in (*function.args.args, *function.args.kwonlyargs)}
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and _name(call) == "Diagnostic" and call.args:
                first = call.args[0]
                if isinstance(first, ast.Name) and first.id not in parameters:
                    return True
    return False


def _rows(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and len(node.elts) >= 3 and any(map(_is_message, node.elts)):
            yield from [code for element in node.elts for code in _texts(element)][:1]


def _is_message(node: ast.expr) -> bool:
    """What stands beside a code in a row: a text of several words, or one that is made."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and " " in node.value
    return isinstance(node, ast.JoinedStr | ast.Call)


def _texts(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.fullmatch(node.value):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def _is_text(annotation: ast.expr | None) -> bool:
    return isinstance(annotation, ast.Name) and annotation.id == "str"


def _name(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
