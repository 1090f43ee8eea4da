"""A terminal small enough to read: enough of ECMA-48 to see what a user of the live view sees."""

from __future__ import annotations

import re
import unicodedata

_TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\x1b[^\[]|[\x00-\x1f]|[^\x00-\x1f\x1b]")


class Screen:
    """Lines grow downward without end (scrollback included); a wide character is followed by an empty cell."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.rows: list[list[str]] = [[]]
        self.row = self.column = 0
        self.cursor_shown = True

    def feed(self, text: str) -> None:
        for token in _TOKEN.finditer(text):
            if token[2]:
                self._control(token[1], token[2])
            elif token[0] == "\r":
                self.column = 0
            elif token[0] == "\n":
                self._down()
            elif token[0] >= " ":
                self._put(token[0])

    def text(self) -> str:
        """What stands there, blanks at line ends and empty lines at the end left out."""
        return "\n".join("".join(cell or " " for cell in row).rstrip() for row in self._cells()).rstrip("\n")

    def _cells(self) -> list[list[str]]:
        return [[cell for cell in row if cell != "wide"] for row in self.rows]

    def _down(self) -> None:
        self.row += 1
        while len(self.rows) <= self.row:
            self.rows.append([])

    def _put(self, character: str) -> None:
        size = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if self.column + size > self.width:
            self._down()
            self.column = 0
        row = self.rows[self.row]
        row += [""] * (self.column + size - len(row))
        row[self.column : self.column + size] = [character, "wide"][:size]
        self.column += size

    def _control(self, arguments: str, kind: str) -> None:
        number = int(arguments) if arguments.isdecimal() else 1
        if kind == "A":
            self.row = max(0, self.row - number)
        elif kind == "K":
            del self.rows[self.row][0 if arguments == "2" else self.column :]
        elif kind in "hl" and arguments == "?25":
            self.cursor_shown = kind == "h"
        else:
            assert kind == "m", f"the screen does not know CSI {arguments}{kind}"
