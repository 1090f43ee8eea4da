"""An HCL text → its body: attributes and blocks with the comments that stand above and beside them."""

from __future__ import annotations

from dataclasses import replace

from bake.importing.hcl.cursor import Cursor
from bake.importing.hcl.expressions import expression
from bake.importing.hcl.nodes import Attribute, Block, Body, Literal
from bake.importing.hcl.texts import quoted
from bake.importing.notes import Text


def parse_hcl(source: Text, start: int = 0, end: int | None = None) -> Body:
    """The range `[start, end)` of a text. Raises InputError at the first thing that is not HCL."""
    cursor = Cursor(source, start + source.text.startswith("\ufeff", start), end)
    return _body(cursor, end="")


def _body(cursor: Cursor, end: str) -> Body:
    attributes: list[Attribute] = []
    blocks: list[Block] = []
    while True:
        cursor.comments.clear()
        cursor.blank_lines()
        above = tuple(line for text in cursor.comments.values() for line in comment_lines(text))
        if cursor.at >= len(cursor.text) if not end else cursor.text.startswith(end, cursor.at):
            cursor.at += len(end)
            return Body(tuple(attributes), tuple(blocks), above)
        start = cursor.at
        name = cursor.name()
        if name is None:
            raise cursor.fault(f"a key or a block must come here, not {cursor.shown()}")
        cursor.blank()
        if cursor.text.startswith("=", cursor.at) and not cursor.text.startswith("==", cursor.at):
            attributes.append(_attribute(cursor, start, name, above, end))
        else:
            blocks.append(_block(cursor, start, name, above))
            cursor.blank()
            if cursor.comments and not end:
                beside = tuple(line for text in cursor.comments.values() for line in comment_lines(text))
                blocks[-1] = replace(blocks[-1], above=(*above, *beside))


def _attribute(cursor: Cursor, start: int, name: str, above: tuple[str, ...], end: str) -> Attribute:
    """Comments inside of the value come to stand above it."""
    cursor.at += 1
    cursor.comments.clear()
    node = expression(cursor)
    cursor.blank()
    found = [(at, line) for at, text in cursor.comments.items() for line in comment_lines(text)]
    inside = tuple(line for at, line in found if "\n" in cursor.text[at : cursor.at])
    beside = " ".join(line for at, line in found if "\n" not in cursor.text[at : cursor.at])
    cursor.comments.clear()
    at_end = cursor.at >= len(cursor.text) or cursor.text[cursor.at] == "\n"
    if not at_end and not (end and cursor.text.startswith(end, cursor.at)):
        raise cursor.fault(f"a new line must follow the value of `{name}`, not {cursor.shown()}")
    return Attribute(name, start, node, (*above, *inside), beside)


def _block(cursor: Cursor, start: int, name: str, above: tuple[str, ...]) -> Block:
    labels: list[str] = []
    while not cursor.take("{"):
        at = cursor.at
        label = cursor.name()
        if label is None and cursor.text.startswith('"', cursor.at):
            node = quoted(cursor, expression)
            if not isinstance(node, Literal):
                raise cursor.fault("a label cannot hold `${…}`", at)
            label = str(node.value)
        if label is None:
            raise cursor.fault(f"`=` or a block must follow `{name}`, not {cursor.shown()}")
        labels.append(label)
    cursor.deeper()
    body = _body(cursor, "}") if _has_more(cursor) else None
    if body is None:
        raise cursor.fault(f"the block `{name}` has no end", start)
    cursor.higher()
    cursor.comments.clear()
    return Block(name, tuple(labels), start, body, above)


def _has_more(cursor: Cursor) -> bool:
    return cursor.at < len(cursor.text)


def comment_lines(text: str) -> list[str]:
    """The lines of a comment without its marks."""
    if text.startswith("/*"):
        lines = [line.strip().removeprefix("*").strip() for line in text[2:-2].splitlines()]
        return [line for line in lines if line]
    return [text.lstrip("#/").strip()]
