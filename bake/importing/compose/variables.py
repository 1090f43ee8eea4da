"""`${VAR:-x}` of compose → the same of bake.toml; the variables that this needs are declared on the way."""

from __future__ import annotations

import re

from bake.errors import InputError
from bake.importing.draft import Draft, Table
from bake.importing.notes import Notes, fault
from bake.spec.file import RESERVED_VARIABLES

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-+?]")
_WORD = re.compile(r"[^\\\"'|${}]*")
_DEPTH_LIMIT = 15


class Variables:
    """For one import. `defaults`: what `.env` says."""

    def __init__(self, draft: Draft, notes: Notes) -> None:
        self.defaults: dict[str, str] = {}
        self.draft = draft
        self.notes = notes

    def text(self, text: str, at: int) -> str:
        """A text of compose as bake.toml writes it. `at`: offset of the text. Raises InputError."""
        found, end = self._until(text, 0, at, 0)
        assert end == len(text)
        return found

    def reference(self, name: str, at: int) -> str:
        """`${NAME}`, with the variable declared."""
        ours = f"{name}_" if name in RESERVED_VARIABLES else name
        if ours not in self.draft.variables:
            table = Table(at)
            if name in self.defaults:
                table.put("default", self.defaults[name].replace("${", "$${"))
            table.put("env", name)
            self.draft.variables[ours] = table
        return ours

    def _until(self, text: str, start: int, at: int, depth: int) -> tuple[str, int]:
        """Up to the end, or inside of `${` up to its `}`."""
        if depth > _DEPTH_LIMIT:
            raise fault(self.notes.source, at, "`${…}` is nested too deeply", code="nested-too-deeply")
        found: list[str] = []
        position = start
        while position < len(text):
            char = text[position]
            if char == "}" and depth:
                break
            if text.startswith("$$", position):
                after = text[position + 2 : position + 3]
                found.append("$$" if after == "{" else "$")
                position += 2
            elif char == "$":
                piece, position = self._variable(text, position, at, depth)
                found.append(piece)
            else:
                found.append(char)
                position += 1
        return "".join(found), position

    def _variable(self, text: str, start: int, at: int, depth: int) -> tuple[str, int]:
        if text[start + 1 : start + 2] != "{":
            match = _NAME.match(text, start + 1)
            if match is None:
                raise self._bad(text, at)
            return f"${{{self.reference(match.group(), at)}}}", match.end()
        match = _NAME.match(text, start + 2)
        if match is None:
            raise self._bad(text, at)
        name = self.reference(match.group(), at)
        operator = _OPERATOR.match(text, match.end())
        if operator is None:
            return f"${{{name}}}", self._closed(text, match.end(), at)
        if ":" not in operator.group():  # which tells apart what is empty and what is not set
            self.draft.variables[name].put("env-empty", True)
        word, end = self._until(text, operator.end(), at, depth + 1)
        literal = re.sub(r"\$\{[^{}]*\}", "", word)
        if not _WORD.fullmatch(literal) and operator.group().endswith("?"):
            word = "it must be set"
        elif not _WORD.fullmatch(literal):
            message = f"'{text}': the value after `{operator.group()}` cannot be written in bake.toml; it is left out"
            self.notes.add("left-out", at, message, f"give the variable `{name}` a default")
            word = ""
        return f"${{{name}{operator.group()}{word}}}", self._closed(text, end, at)

    def _closed(self, text: str, at: int, place: int) -> int:
        if text[at : at + 1] != "}":
            raise self._bad(text, place)
        return at + 1

    def _bad(self, text: str, at: int) -> InputError:
        shown = text if len(text) < 80 else text[:80] + "…"
        return fault(self.notes.source, at, f"'{shown}' is no valid use of a variable", "`$$` is a literal `$`")
