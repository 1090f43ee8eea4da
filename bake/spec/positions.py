"""Where each key and value of a TOML text stands.

Only for text that `tomllib` has accepted: it finds tokens and checks nothing. No maintained parser gives positions
(reference/libraries.md); a subclass of tomlkit's would cost nine times the parsing and 26 ms of import on every run.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field

Path = tuple[str | int, ...]
"""Keys and list indices from the root of a document: `("target", "app", "tags", 0)`."""
Range = tuple[int, int]
"""Half-open range of character offsets."""

_BLANK = re.compile(r"(?:[ \t\r\n\ufeff]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'""")
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?""""{0,2}' + r"|'''.*?''''{0,2}" + r'|"(?:[^"\\]|\\.)*"' + r"|'[^']*'", re.S)
_SCALAR = re.compile(r"[^,\]}#\n\r]*")


@dataclass(slots=True)
class Positions:
    """`keys`: where the last part of each path is written as a key; `values`: its value, or the header of its table."""

    keys: dict[Path, Range] = field(default_factory=dict)
    values: dict[Path, Range] = field(default_factory=dict)
    repeated: list[tuple[Path, Range]] = field(default_factory=list)
    """Keys and tables written again (which is not TOML), with the later place."""


class _Met(Exception):
    """The key that was looked for."""


def find_positions(text: str, until: Path | None = None) -> Positions:
    """The positions of all keys and values in a valid TOML text, up to the key `until`.

    Of those before it, should the text end early.
    """
    scanner = _Scanner(text, until)
    try:
        scanner.document()
    except _Met:
        pass
    except (RecursionError, AttributeError, IndexError, ValueError):  # nested too deeply, or not TOML after all
        pass
    return scanner.found


class _Scanner:
    def __init__(self, text: str, until: Path | None = None) -> None:
        self.text = text
        self.until = until
        self.at = 0
        self.found = Positions()
        self.counts: dict[Path, int] = {}  # elements so far of each array of tables

    def document(self) -> None:
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self.at = pattern.match(self.text, self.at).end()  # type: ignore[union-attr]

    def _header(self) -> Path:
        start = self.at
        is_array = self.text.startswith("[[", start)
        self.at += 2 if is_array else 1
        path = self._key((), through_arrays=True, is_array=is_array)
        self.at += 2 if is_array else 1
        if path in self.found.values:
            self.found.repeated.append((path, (start, self.at)))
        self.found.values.setdefault(path, (start, self.at))
        return path

    def _key(self, path: Path, *, through_arrays: bool = False, is_array: bool = False) -> Path:
        """Reads a dotted key below `path`. In a header, a name that is an array of tables means its last element."""
        while True:
            self._skip(_SPACE)
            match = _KEY.match(self.text, self.at)
            path = (*path, _name(match.group()))  # type: ignore[union-attr]
            first = self.found.keys.setdefault(path, match.span())  # type: ignore[union-attr]
            if path == self.until:
                raise _Met
            here = match.span()  # type: ignore[union-attr]
            self.at = match.end()  # type: ignore[union-attr]
            self._skip(_SPACE)
            is_last = not self.text.startswith(".", self.at)
            if through_arrays and is_array and is_last:
                index = self.counts.get(path, 0)
                self.counts[path] = index + 1
                return (*path, index)
            if through_arrays and path in self.counts:
                path = (*path, self.counts[path] - 1)
            if is_last:
                if first != here and not through_arrays:
                    self.found.repeated.append((path, here))
                return path
            self.at += 1

    def _pair(self, table: Path) -> None:
        path = self._key(table)
        self.at += 1  # "="
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        start = self.at
        first = self.text[start]
        if first in "\"'":
            self._skip(_STRING)
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline(path)
        else:
            self.at = start + len(_SCALAR.match(self.text, start).group().rstrip())  # type: ignore[union-attr]
        self.found.values.setdefault(path, (start, self.at))

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while True:
            self._skip(_BLANK)
            if self.text[self.at] == "]":
                break
            self._value((*path, index))
            index += 1
            self._skip(_BLANK)
            if self.text[self.at] == "]":
                break
            self.at += 1  # ","
        self.at += 1

    def _inline(self, path: Path) -> None:
        self.at += 1
        self._skip(_BLANK)
        while self.text[self.at] != "}":
            self._pair(path)
            self._skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1
                self._skip(_BLANK)
        self.at += 1


def _name(token: str) -> str:
    if token[0] == '"':
        return str(tomllib.loads(f"k = {token}")["k"]) if "\\" in token else token[1:-1]
    return token[1:-1] if token[0] == "'" else token
