"""Quoted texts, heredocs and what is inside of them: escapes, `${…}` and the directives `%{if}` and `%{for}`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from bake.errors import InputError
from bake.importing.hcl.cursor import Cursor
from bake.importing.hcl.nodes import Call, Conditional, For, Literal, Node, Template

Parse = Callable[[Cursor], Node]
_HEREDOC = re.compile(r"<<(-?)([^\W\d][\w-]*)[ \t\r]*\n")
_PLAIN = {True: re.compile(r'[^"\\$%\n]+'), False: re.compile(r"[^$%\n]*\n|[^$%\n]+")}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f"}
_UNICODE = re.compile(r"u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})")
_FOR_WORDS = ("else", "endif", "endfor")


def quoted(cursor: Cursor, parse: Parse) -> Node:
    """The text in double quotes that comes next."""
    start = cursor.at
    cursor.at += 1
    reader = _Reader(cursor, parse, len(cursor.text), is_quoted=True)
    pieces, word = reader.pieces()
    if word or not cursor.text.startswith('"', cursor.at):
        raise cursor.fault("this text has no end", start, 'close it with `"` on the same line')
    cursor.at += 1
    return _template(start, pieces)


def bare(cursor: Cursor, parse: Parse) -> Node:
    """All of the cursor's text as a template."""
    pieces, word = _Reader(cursor, parse, len(cursor.text), is_quoted=False).pieces()
    if word:
        raise cursor.fault(f"`%{{{word}}}` closes nothing")
    return _template(0, pieces)


def heredoc(cursor: Cursor, parse: Parse) -> Node:
    """`<<WORD` or `<<-WORD` with its lines."""
    start = cursor.at
    match = _HEREDOC.match(cursor.text, start)
    if match is None:
        raise cursor.fault("a word and a new line must follow `<<`")
    end = re.compile(rf"^[ \t]*{re.escape(match.group(2))}[ \t\r]*$", re.M).search(cursor.text, match.end())
    if end is None:
        raise cursor.fault(f"this text has no end: no line is `{match.group(2)}`", start)
    cursor.at = match.end()
    margin = _margin(cursor.text[cursor.at : end.start()]) if match.group(1) else 0
    pieces, word = _Reader(cursor, parse, end.start(), is_quoted=False, margin=margin).pieces()
    if word:
        raise cursor.fault(f"`%{{{word}}}` closes nothing", cursor.at)
    cursor.at = end.end()
    return _template(start, pieces)


def _template(start: int, pieces: list[Node]) -> Node:
    joined: list[Node] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if isinstance(piece, Literal) and isinstance(last, Literal) and isinstance(piece.value, str):
            joined[-1] = Literal(last.at, str(last.value) + piece.value)
        else:
            joined.append(piece)
    if not joined:
        return Literal(start, "")
    if len(joined) == 1 and isinstance(joined[0], Literal):
        return Literal(start, joined[0].value)
    return Template(start, tuple(joined))


def _margin(body: str) -> int:
    """The smallest indentation of the lines that are not blank."""
    lines = [line for line in body.split("\n") if line.strip()]
    return min((len(line) - len(line.lstrip(" \t")) for line in lines), default=0)


@dataclass
class _Reader:
    """Reads pieces up to `end`, the closing quote, or a directive that belongs to an outer one."""

    cursor: Cursor
    parse: Parse
    end: int
    is_quoted: bool
    margin: int = 0
    """Blanks that each line loses."""
    trims: bool = False
    """Whether `~` stood before, so that blanks are lost up to the end of the line."""

    def pieces(self) -> tuple[list[Node], str]:
        """The pieces and the word of the closing directive, "" when the text ended."""
        cursor = self.cursor
        found: list[Node] = []
        while cursor.at < self.end and not (self.is_quoted and cursor.text[cursor.at] in '"\n'):
            self._skip_margin()
            start = cursor.at
            if cursor.text.startswith(("$${", "%%{"), start):
                found.append(Literal(start, cursor.text[start + 1 : start + 3]))
                cursor.at += 3
                self.trims = False
            elif cursor.text.startswith("${", start):
                self._interpolation(found)
            elif cursor.text.startswith("%{", start):
                word = self._directive(found)
                if word:
                    return found, word
            elif cursor.at < self.end:
                found.append(Literal(start, self._trimmed(self._plain())))
        return found, ""

    def _skip_margin(self) -> None:
        cursor = self.cursor
        if self.margin and cursor.text[cursor.at - 1] == "\n":
            line = cursor.text[cursor.at : min(cursor.at + self.margin, self.end)]
            cursor.at += len(line) - len(line.lstrip(" \t"))

    def _trimmed(self, text: str) -> str:
        if not self.trims:
            return text
        self.trims = False
        return text.lstrip() if self.is_quoted else re.sub(r"\A[ \t\r]*\n?", "", text)

    def _trim_last(self, found: list[Node], at: int) -> None:
        """`~` takes the blanks before it: those of its own line, or the end of the line before if there are none."""
        indent = self.cursor.text[self.cursor.text.rfind("\n", 0, at) + 1 : at]
        last = found[-1] if found else None
        if not isinstance(last, Literal):
            return
        text = str(last.value)
        if self.is_quoted or not indent or indent.strip():
            found[-1] = Literal(last.at, text.rstrip())
        elif not text.endswith("\n"):
            found[-1] = Literal(last.at, text.rstrip(" \t"))

    def _plain(self) -> str:
        cursor = self.cursor
        match = _PLAIN[self.is_quoted].match(cursor.text, cursor.at, self.end)
        if match is not None:
            cursor.at = match.end()
            return match.group()
        char = cursor.text[cursor.at]
        cursor.at += 1
        return self._escape() if char == "\\" and self.is_quoted else char

    def _escape(self) -> str:
        cursor = self.cursor
        match = _UNICODE.match(cursor.text, cursor.at)
        if match is not None:
            code = int(match.group(1) or match.group(2), 16)
            cursor.at = match.end()
            if 0xD800 <= code < 0xDC00:
                code = self._surrogate(code)
            if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                raise cursor.fault("this is no character", match.start() - 1)
            return chr(code)
        char = cursor.text[cursor.at : cursor.at + 1]
        if char not in _ESCAPES or not char:
            raise cursor.fault(f"`\\{char.strip()}` is no escape", cursor.at - 1, "a backslash itself is `\\\\`")
        cursor.at += 1
        return _ESCAPES[char]

    def _surrogate(self, high: int) -> int:
        match = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})").match(self.cursor.text, self.cursor.at)
        if match is None:
            return high
        self.cursor.at = match.end()
        return 0x10000 + ((high - 0xD800) << 10) + (int(match.group(1), 16) - 0xDC00)

    def _interpolation(self, found: list[Node]) -> None:
        cursor = self.cursor
        self._open_mark(found)
        with cursor.brackets():
            found.append(self.parse(cursor))
            self._close()

    def _open_mark(self, found: list[Node]) -> None:
        """Passes `${`, `%{` and a `~` behind it."""
        cursor = self.cursor
        cursor.at += 2
        if cursor.text.startswith("~", cursor.at):
            cursor.at += 1
            self._trim_last(found, cursor.at - 3)

    def _directive(self, found: list[Node]) -> str:
        """Reads `%{…}`; gives its word when it closes an outer one."""
        cursor = self.cursor
        start = cursor.at
        self._open_mark(found)
        with cursor.brackets():
            word = cursor.name() or ""
            if word in _FOR_WORDS:
                self._close()
                return word
            if word not in ("if", "for"):
                raise cursor.fault("`if` or `for` must follow `%{`", start, "`%%{` is a literal `%{`")
            cursor.deeper()
            found.append(self._if(start) if word == "if" else self._loop(start))
            cursor.higher()
        return ""

    def _close(self) -> None:
        self.trims = self.cursor.take("~")
        self.cursor.need("}", "an expression")

    def _inner(self, *words: str) -> tuple[Node, str]:
        start = self.cursor.at
        with self.cursor.brackets(False):
            inner = replace(self)
            pieces, word = inner.pieces()
        self.trims = inner.trims
        if word not in words:
            raise self._open(start, words)
        return _template(start, pieces), word

    def _open(self, start: int, words: tuple[str, ...]) -> InputError:
        return self.cursor.fault(f"`%{{{words[-1]}}}` is missing", start)

    def _if(self, start: int) -> Node:
        condition = self.parse(self.cursor)
        self._close()
        yes, word = self._inner("else", "endif")
        no: Node = Literal(start, "")
        if word == "else":
            no, _ = self._inner("endif")
        return Conditional(start, condition, yes, no)

    def _loop(self, start: int) -> Node:
        cursor = self.cursor
        names = [cursor.name() or ""]
        if cursor.take(","):
            names.append(cursor.name() or "")
        if not cursor.word("in"):
            raise cursor.fault("`in` must follow the names of `for`")
        source = self.parse(cursor)
        self._close()
        value, _ = self._inner("endfor")
        return Call(start, "join", (Literal(start, ""), For(start, tuple(names), source, None, value)))
