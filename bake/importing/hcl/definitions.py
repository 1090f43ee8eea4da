"""A body → what it defines, by name: variables, constants, functions, groups and targets. What is ignored is noted."""

from __future__ import annotations

from dataclasses import dataclass, field

from bake.importing.hcl.nodes import Attribute, Block, Body, Name, Node, Tuple
from bake.importing.notes import Notes, fault

_KINDS = ("variable", "function", "group", "target")


@dataclass(frozen=True, slots=True)
class Function:
    """A `function` block."""

    name: str
    at: int
    params: tuple[str, ...]
    rest: str | None
    result: Node


@dataclass(slots=True)
class Definitions:
    """`targets` has all blocks of a name, since later ones are merged into the first; of the others the last counts."""

    variables: dict[str, Block] = field(default_factory=dict)
    constants: dict[str, Attribute] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    groups: dict[str, Block] = field(default_factory=dict)
    targets: dict[str, list[Block]] = field(default_factory=dict)
    below: tuple[str, ...] = ()


def read_definitions(body: Body, notes: Notes) -> Definitions:
    """Raises InputError for a block without the form that its kind has."""
    found = Definitions(constants={each.name: each for each in body.attributes}, below=body.below)
    for block in body.blocks:
        if block.type not in _KINDS:
            notes.add("ignored-block", block.at, f"the block `{block.type}` is none that bake knows; it is left out")
            continue
        if len(block.labels) != 1:
            raise fault(notes.source, block.at, f'a {block.type} has one name: {block.type} "NAME" {{ … }}')
        _add(found, block, notes)
    return found


def _add(found: Definitions, block: Block, notes: Notes) -> None:
    name = block.labels[0]
    if block.type == "target":
        found.targets.setdefault(name, []).append(block)
        earlier = found.targets[name][:-1]
        if any(_in_one_file(notes, each, block) for each in earlier):
            notes.add("repeated-block", block.at, f"target `{name}` is defined again; both blocks are merged")
    elif block.type == "function":
        found.functions[name] = _function(block, notes)
    else:
        known = found.variables if block.type == "variable" else found.groups
        if name in known and _in_one_file(notes, known[name], block):
            notes.add("repeated-block", block.at, f"{block.type} `{name}` is defined again; only the last one counts")
        known[name] = block


def _in_one_file(notes: Notes, one: Block, other: Block) -> bool:
    """A block of a later file is there to override: that is no surprise."""
    return notes.source.part(one.at) == notes.source.part(other.at)


def attributes(block: Block) -> dict[str, Attribute]:
    """The attributes of a block by name."""
    return {each.name: each for each in block.body.attributes}


def _function(block: Block, notes: Notes) -> Function:
    keys = attributes(block)
    name = block.labels[0]
    if "result" not in keys or "params" not in keys:
        raise fault(notes.source, block.at, f"function `{name}` needs `params` and `result`")
    params = keys["params"].node
    if not isinstance(params, Tuple) or not all(isinstance(each, Name) for each in params.items):
        raise fault(notes.source, params.at, "`params` must be a list of names")
    rest = keys["variadic_params"].node if "variadic_params" in keys else None
    if rest is not None and not isinstance(rest, Name):
        raise fault(notes.source, rest.at, "`variadic_params` must be a name")
    names = tuple(each.name for each in params.items if isinstance(each, Name))
    return Function(name, block.at, names, rest.name if rest is not None else None, keys["result"].node)
