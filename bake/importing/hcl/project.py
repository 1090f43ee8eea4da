"""docker-bake.hcl or docker-bake.json as a whole → the draft of a bake.toml."""

from __future__ import annotations

import re

from bake.errors import Diagnostic, InputError
from bake.importing.draft import Draft, Item, Table
from bake.importing.families import Families
from bake.importing.groups import settle_groups
from bake.importing.hcl.definitions import Definitions, attributes, read_definitions
from bake.importing.hcl.evaluate import Evaluator
from bake.importing.hcl.lowering import Lowering
from bake.importing.hcl.matrices import guarded, read_matrix
from bake.importing.hcl.nodes import Block, Body, Literal, Tuple
from bake.importing.hcl.symbolic import Symbols
from bake.importing.hcl.targets import Imported, TargetReader
from bake.importing.hcl.variables import read_variables
from bake.importing.layers import over
from bake.importing.notes import Notes, fault
from bake.spec.atoms import TARGET, TEXT

_NAME = re.compile(r"[A-Za-z0-9_-]+")


def draft_of(body: Body, notes: Notes, below: Draft) -> Draft:
    """`below`: what compose files define. Raises InputError with all that is wrong with the expressions."""
    definitions = read_definitions(body, notes)
    evaluator = Evaluator(definitions, notes)
    live: dict[str, str] = {}
    lowering = Lowering(evaluator, Symbols(evaluator, live), notes)
    reader = TargetReader(lowering)
    draft = Draft(below=definitions.below)
    read_variables(lowering, live, draft, reader.errors)
    targets = _targets(definitions, reader, draft, live)
    for name, block in definitions.groups.items():
        guarded(reader, lambda name=name, block=block: _group(lowering, draft, name, block), block.at)  # type: ignore[misc]
    if reader.errors:
        raise InputError(_unique(reader.errors))
    draft.targets = {each.name: each.table for each in targets}
    draft = over(below, draft)
    combinations = {name for each in targets for name in each.combinations}
    settle_groups(draft, {*draft.targets, *combinations}, notes)
    Families(draft.targets, {each.name: each.parents for each in targets}, notes).settle()
    return draft


def _unique(errors: list[Diagnostic]) -> list[Diagnostic]:
    found = {(str(each.span), each.message): each for each in errors}
    return sorted(found.values(), key=lambda each: (each.span.line, each.span.column) if each.span else (0, 0))


def _targets(definitions: Definitions, reader: TargetReader, draft: Draft, live: dict[str, str]) -> list[Imported]:
    found: dict[str, Imported] = {}
    wanted = _wanted(definitions)
    taken = set(live.values())

    def one(label: str, blocks: list[Block]) -> None:
        if not _NAME.fullmatch(label):
            raise fault(
                reader.notes.source, blocks[0].at, f"'{label}' cannot be the name of a target", code="import-value"
            )
        keys = {name: each for block in blocks for name, each in attributes(block).items()}
        if "matrix" in keys:
            made, group = read_matrix(reader, label, blocks, wanted, taken)
            if group is not None:
                draft.groups[label] = group
        else:
            made = [reader.read(label, blocks, {})]
            if "name" in keys:
                reader.notes.add("left-out", keys["name"].at, "`name` is left out: the target has no matrix")
        for each in made:
            if each.name in found:
                raise fault(
                    reader.notes.source, blocks[0].at, f"two targets are called `{each.name}`", code="import-value"
                )
            found[each.name] = each

    for label, blocks in definitions.targets.items():
        guarded(reader, lambda label=label, blocks=blocks: one(label, blocks), blocks[0].at)  # type: ignore[misc]
    return list(found.values())


def _wanted(definitions: Definitions) -> set[str]:
    """Names that targets inherit, as far as they are plain texts."""
    found: set[str] = set()
    for blocks in definitions.targets.values():
        for block in blocks:
            node = attributes(block).get("inherits")
            if node is not None and isinstance(node.node, Tuple):
                found |= {str(each.value) for each in node.node.items if isinstance(each, Literal)}
    return found


def _group(lowering: Lowering, draft: Draft, name: str, block: Block) -> None:
    if not _NAME.fullmatch(name):
        raise fault(lowering.notes.source, block.at, f"'{name}' cannot be the name of a group", code="import-value")
    table = Table(block.at, block.above)
    for key, attribute in attributes(block).items():
        lowering.evaluator.start()
        if key == "targets":
            pieces = lowering.elements(attribute.node, {}, "targets")
            members = [lowering.piece(piece, TARGET, "targets", attribute.node) for piece in pieces]
            table.items[key] = Item([each for each in members if each], attribute.at, attribute.above, attribute.beside)
        elif key == "description":
            text = lowering.scalar(attribute.node, {}, TEXT, key)
            table.items[key] = Item(text or "", attribute.at, attribute.above, attribute.beside)
        else:
            message = f"`{key}` of a group means nothing to the peer; it is left out"
            lowering.notes.add("unknown-key", attribute.at, message)
    if "targets" not in table.items:
        table.put("targets", [])
    draft.groups[name] = table
