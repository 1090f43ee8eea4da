"""A place in an HCL text that moves on: blanks and comments, fixed marks, names, and how deep things may nest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bake.errors import InputError
from bake.importing.hcl.nodes import Node
from bake.importing.notes import Text, fault

NAME = re.compile(r"[^\W\d][\w-]*")
NUMBER = re.compile(r"\d+(\.\d+)?([eE][+-]?\d+)?")
_SPACE = re.compile(r"[ \t\r]+")
_SPACE_OR_LINES = re.compile(r"[ \t\r\n]+")
_COMMENT = re.compile(r"(?:#|//)[^\n]*|/\*.*?\*/", re.S)
DEPTH_LIMIT = 50


class Cursor:
    """`at`: offset of the next character. `comments` collects the comments met, by offset. `read_text` reads a
    quoted text where that is not as HCL writes it."""

    def __init__(self, source: Text, start: int = 0, end: int | None = None) -> None:
        self.source = source
        self.text = source.text[:end]
        self.at = start
        self.comments: dict[int, str] = {}
        self.read_text: Callable[[Cursor, Callable[[Cursor], Node]], Node] | None = None
        self._brackets = 0
        self._depth = 0

    def fault(self, message: str, at: int | None = None, hint: str | None = None) -> InputError:
        """The syntax error for a place, by default this one."""
        return fault(self.source, self.at if at is None else at, message, hint)

    def blank(self) -> None:
        """Passes blanks and comments; line ends only inside of brackets."""
        self.skip(_SPACE_OR_LINES if self._brackets else _SPACE)

    def blank_lines(self) -> None:
        """Passes blanks, comments and line ends."""
        self.skip(_SPACE_OR_LINES)

    def skip(self, space: re.Pattern[str]) -> None:
        while True:
            match = space.match(self.text, self.at)
            if match is None:
                match = _COMMENT.match(self.text, self.at)
                if match is None:
                    if self.text.startswith("/*", self.at):
                        raise self.fault("this comment has no end")
                    return
                self.comments[self.at] = match.group()
            self.at = match.end()

    def take(self, mark: str) -> bool:
        """Whether `mark` comes next, behind blanks; if so, it is passed."""
        self.blank()
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def need(self, mark: str, why: str) -> None:
        """Passes `mark`. Raises InputError when something else comes."""
        if not self.take(mark):
            raise self.fault(f"`{mark}` must follow {why}, not {self.shown()}")

    def name(self) -> str | None:
        """The identifier that comes next, passed; None when there is none."""
        self.blank()
        match = NAME.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match.group()

    def word(self, word: str) -> bool:
        """Whether the identifier `word` comes next; if so, it is passed."""
        start = self.at
        if self.name() == word:
            return True
        self.at = start
        return False

    def shown(self) -> str:
        """What comes next, for messages."""
        if self.at >= len(self.text):
            return "the end of the file"
        char = self.text[self.at]
        return "the end of the line" if char == "\n" else f"`{char}`"

    @contextmanager
    def brackets(self, inside: bool = True) -> Iterator[None]:
        """Inside of brackets line ends are blanks; a template in a text starts anew."""
        saved, self._brackets = self._brackets, int(inside)
        try:
            yield
        finally:
            self._brackets = saved

    def deeper(self) -> None:
        """Counts a level of nesting, to be left with `higher`. Raises InputError for one too many."""
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise fault(self.source, self.at, f"this is nested more than {DEPTH_LIMIT} deep", code="nested-too-deeply")

    def higher(self) -> None:
        self._depth -= 1
