"""The rule about comments that describe ARGs and stages. Experimental: off unless asked for."""

from __future__ import annotations

from collections.abc import Iterator

from bake.dockerfile.instructions import Arg, Stage
from bake.dockerfile.lint.rule import Finding
from bake.dockerfile.lint.view import View


def invalid_definition_description(view: View) -> Iterator[Finding]:
    for at in view.written:
        match at.item:
            case Arg():
                kind, names = "ARG", [name for name, _ in at.item.pairs]
            case Stage() if at.item.name:
                kind, names = "FROM", [at.item.name]
            case _:
                continue
        comments = [text for text in at.comments if not text.lower().replace(" ", "").startswith("check=")]
        if comments and not any(f"{comments[-1]} ".startswith(f"{name} ") for name in names):
            name = names[0] if len(names) == 1 else "<arg_key>"
            message = f"Comment for {kind} should follow the format: `# {name} <description>`"
            yield Finding(at, message, at.span)
