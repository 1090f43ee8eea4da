"""Variables and constants of a definition → `[variable]`, those that are single values."""

from __future__ import annotations

import re
from typing import Any

from bake.errors import Diagnostic, InputError
from bake.importing.draft import Draft, Table
from bake.importing.hcl.definitions import attributes
from bake.importing.hcl.evaluate import BUILT_IN
from bake.importing.hcl.functions.conversions import type_name
from bake.importing.hcl.lowering import Lowering
from bake.importing.hcl.nodes import Block, Node
from bake.importing.hcl.validations import TYPES, both, pattern_of
from bake.importing.notes import Unsupported
from bake.spec.atoms import FLAG, LIMIT, TEXT
from bake.spec.file import RESERVED_VARIABLES

_KNOWN = ("default", "type", "description")


def read_variables(lowering: Lowering, live: dict[str, str], draft: Draft, errors: list[Diagnostic]) -> None:
    """Fills `live` (HCL name → name in bake.toml) and the draft's variables, in the order of the source."""
    definitions = lowering.evaluator.definitions
    _name_all(lowering, live)
    for name, attribute in definitions.constants.items():
        if name not in definitions.variables:
            table = Table(attribute.at, attribute.above)
            _declare(lowering, live, draft, errors, name, table, attribute.node)
            if table.items:
                table.items["default"].beside = attribute.beside
    for name, block in definitions.variables.items():
        _variable(lowering, live, draft, errors, name, block)
    order = sorted(draft.variables, key=lambda name: draft.variables[name].at)
    draft.variables = {name: draft.variables[name] for name in order}


def _name_all(lowering: Lowering, live: dict[str, str]) -> None:
    """Names all single values first, so that a default may hold variables that are declared below it."""
    definitions = lowering.evaluator.definitions
    for name in (*definitions.constants, *definitions.variables):
        lowering.evaluator.start()
        try:
            value = lowering.evaluator.named(name, 0)
        except (InputError, Unsupported):
            continue
        if not isinstance(value, list | dict) and name not in BUILT_IN:
            live[name] = _name(name)
            if value is None:
                lowering.symbols.nullable.add(live[name])


def _variable(
    lowering: Lowering, live: dict[str, str], draft: Draft, errors: list[Diagnostic], name: str, block: Block
) -> None:
    if name in BUILT_IN:
        lowering.notes.add("built-in", block.at, f"{name} is the peer's own; its variable block is left out")
        return
    keys = attributes(block)
    table = Table(block.at, (*block.above, *(line for each in keys.values() for line in each.above)))
    default = keys.get("default")
    if not _declare(lowering, live, draft, errors, name, table, default.node if default else None):
        return
    table.put("env", name)
    if "description" in keys:
        lowering.evaluator.start()
        try:
            text = lowering.scalar(keys["description"].node, {}, TEXT, f"{name}.description")
        except (InputError, Unsupported):
            text = None
        if text:
            table.put("help", text)
    for key, attribute in keys.items():
        if key not in _KNOWN:
            message = f"`{key}` of a variable means nothing to the peer; it is left out"
            lowering.notes.add("unknown-key", attribute.at, message)
    _restrict(lowering, name, block, table)


def _restrict(lowering: Lowering, name: str, block: Block, table: Table) -> None:
    """`type` and `validation` as `pattern`, as far as one says the same."""
    evaluator = lowering.evaluator
    kind = attributes(block).get("type")
    called = type_name(kind.node) if kind is not None else ""
    found = TYPES.get(called)
    said: list[Block] = []
    if kind is not None and called in ("list", "set", "map", "tuple", "object"):
        message = f"`{name}` is a {called} by its type; bake.toml has single values only"
        lowering.notes.add("compound-variable", kind.at, message)
    if found is not None and table.value("default") == "":
        found = f"({found})?"
    if found is not None and not _admits(found, table):
        found = None
    for inner in block.body.blocks:
        condition = attributes(inner).get("condition")
        evaluator.start()
        wanted = pattern_of(condition.node, name, evaluator) if condition is not None else None
        if wanted is None or not _admits(wanted, table):
            message = f"the `{inner.type}` of variable `{name}` is left out"
            hint = "`pattern = '…'` is a regular expression that values must match"
            lowering.notes.add("validation", inner.at, message, hint)
        elif wanted == ".+" and table.value("default") == "":
            table.put("required", True, inner.at)
            said.append(inner)
        else:
            found = wanted if found is None else both(found, wanted)
            said.append(inner)
    if found is not None:
        table.put("pattern", found)
    if table.value("required"):
        del table.items["default"]
    for inner in said:
        _carry_message(lowering, name, inner, table)


def _carry_message(lowering: Lowering, name: str, block: Block, table: Table) -> None:
    """The first `error_message` as `help`, where no description is: the hint when a value does not fit."""
    message = attributes(block).get("error_message")
    if message is None:
        return
    lowering.evaluator.start()
    try:
        text = lowering.scalar(message.node, {}, TEXT, f"{name}.error_message")
    except (InputError, Unsupported):
        text = None
    if text and "help" not in table.items:
        table.put("help", text)
    elif text != table.value("help"):
        reason = f"the `error_message` of variable `{name}` is left out"
        lowering.notes.add("validation", message.at, reason, "`help` says what a variable is for")


def _admits(pattern: str, table: Table) -> bool:
    """Whether the default meets a pattern; an empty one that does not means that a value must be given."""
    default = table.value("default")
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return "${" in text or (text == "" and pattern == ".+") or re.fullmatch(pattern, text) is not None


def _declare(
    lowering: Lowering,
    live: dict[str, str],
    draft: Draft,
    errors: list[Diagnostic],
    name: str,
    table: Table,
    node: Node | None,
) -> bool:
    """Whether the variable is a single value, so that bake.toml has it."""
    lowering.evaluator.start()
    at = table.at if node is None else node.at
    try:
        value = lowering.evaluator.named(name, table.at)
        if isinstance(value, list | dict):
            what = "a list" if isinstance(value, list) else "an object"
            message = f"`{name}` is {what}; bake.toml has single values only, so it is put in place where it is used"
            lowering.notes.add("compound-variable", at, message)
            return False
        default = _default(lowering, node, value, name)
    except Unsupported as problem:
        lowering.notes.add(
            "not-evaluated", problem.at, f"variable `{name}` is left out: {problem.message}", problem.hint
        )
        return False
    except InputError as error:
        errors.extend(error.diagnostics)
        return False
    ours = live[name]
    if ours != name:
        lowering.notes.add("renamed", table.at, f"variable `{name}` is called `{ours}` in bake.toml")
    table.put("default", default, at)
    draft.variables[ours] = table
    return True


def _default(lowering: Lowering, node: Node | None, value: Any, name: str) -> Any:
    if node is None or value is None:
        return ""
    atom = FLAG if isinstance(value, bool) else LIMIT if isinstance(value, int) else TEXT
    return lowering.scalar(node, {}, atom, name)


def _name(name: str) -> str:
    ours = re.sub(r"\W", "_", name, flags=re.ASCII)
    return f"{ours}_" if ours in RESERVED_VARIABLES else ours
