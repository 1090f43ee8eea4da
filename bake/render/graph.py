"""`bake graph` as a tree for people and as text for other programs: mermaid, Graphviz' dot, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Literal

from bake.plan.dependencies import Link, Links
from bake.render.sanitize import clean
from bake.render.style import Style
from bake.render.svg import svg

Format = Literal["text", "mermaid", "dot", "svg", "json"]
_PLAIN = Style()
_AFTER = "  (only after it)"
_ABOVE = "  (above)"
_ARROWS = {"image": "-->", "after": "-.->"}


def graph_text(found: Links, format: Format, style: Style = _PLAIN) -> str:
    """`found` in a format of `FORMATS`, ending in a newline. Only `text` has colours."""
    return _tree(found, style) if format == "text" else FORMATS[format](found)


def _tree(found: Links, style: Style = _PLAIN) -> str:
    """What nothing else builds on comes first; below each target what it uses, the second time without what is below.

    A chain of targets may be long, so that this does not recurse.
    """
    below = found.used_by()
    used = {link.used for link in found.links}
    lines: list[str] = []
    seen: set[str] = set()
    todo = [("", "", Link("", name, "image")) for name in found.targets[::-1] if name not in used]
    while todo:
        mark, indent, link = todo.pop()
        name = link.used
        again = name in seen and bool(below[name])
        note = (_AFTER if link.kind == "after" else "") + (_ABOVE if again else "")
        shown = style.paint("bold", clean(name)) if name in found.requested else clean(name)
        lines.append(mark + shown + style.paint("dim", note))
        if name not in seen:
            seen.add(name)
            todo += _branches(below[name], indent)[::-1]
    return "".join(f"{line}\n" for line in lines)


def _branches(links: tuple[Link, ...], indent: str) -> list[tuple[str, str, Link]]:
    """(what stands before the name, what stands before the lines below it, the link)."""
    last = len(links) - 1
    return [
        (indent + ("└── " if at == last else "├── "), indent + ("    " if at == last else "│   "), link)
        for at, link in enumerate(links)
    ]


def _mermaid(found: Links) -> str:
    """A flowchart, in the order of building; https://mermaid.js.org/syntax/flowchart.html"""
    ids = {name: f"t{number}" for number, name in enumerate(found.targets)}
    lines = [f'    {ids[name]}["{_entities(name)}"]' for name in found.targets]
    lines += [f"    {ids[link.used]} {_ARROWS[link.kind]} {ids[link.user]}" for link in found.links]
    return "\n".join(["flowchart LR", *lines]) + "\n"


def _entities(name: str) -> str:
    """Mermaid's own escapes, by number, for all but what no syntax has a use for."""
    return "".join(c if c.isalnum() or c in " _-./:=," else f"#{ord(c)};" for c in clean(name))


def _dot(found: Links) -> str:
    """https://graphviz.org/doc/info/lang.html"""
    lines = [f"  {_quoted(name)};" for name in found.targets]
    styles = {"image": "", "after": " [style=dashed]"}
    lines += [f"  {_quoted(link.used)} -> {_quoted(link.user)}{styles[link.kind]};" for link in found.links]
    return "\n".join(["digraph bake {", "  rankdir=LR;", "  node [shape=box];", *lines, "}"]) + "\n"


def _quoted(name: str) -> str:
    escaped = clean(name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _json(found: Links) -> str:
    """`{"version": 1, "requested": […], "targets": {name: {"builds_on": […], "after": […]}}}`."""
    targets = {
        name: {
            "builds_on": [link.used for link in links if link.kind == "image"],
            "after": [link.used for link in links if link.kind == "after"],
        }
        for name, links in found.used_by().items()
    }
    data = {"version": 1, "requested": list(found.requested), "targets": targets}
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


FORMATS: Mapping[Format, Callable[[Links], str]] = {
    "text": _tree,
    "mermaid": _mermaid,
    "dot": _dot,
    "svg": svg,
    "json": _json,
}
