"""Patterns of `${v#p}`, `${v%p}`, `${v/p/r}`: `*`, `?` and backslash escapes, no classes (dockerfile.md §4.3).

The field compiles them to regular expressions of an engine that never backtracks. Python's does, so all `*` but the
last are atomic: what follows a `*` is taken where it first fits, which can only help what comes after it. For the same
reason a pattern with a `*` that fails at one place of a line fails at all places behind it, which are not tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache


class PatternError(ValueError):
    """A pattern with an escape that means nothing."""


def trim_prefix(pattern: str, value: str, greedy: bool) -> str:
    """`value` less its shortest, or longest, prefix that fits. Raises PatternError."""
    found = _compiled(pattern, greedy, False).match(value)
    return value[found.end() :] if found else value


def trim_suffix(pattern: str, value: str, greedy: bool) -> str:
    """`value` less its shortest, or longest, suffix that fits: a prefix of both read backwards. Raises PatternError."""
    found = _compiled(pattern, greedy, True).match(value[::-1])
    return value[: len(value) - found.end()] if found else value


def replace(pattern: str, replacement: str, value: str, every: bool) -> str:
    """`value` with the first, or every, match replaced; with `every` the replacement is a Go regexp template."""
    compiled = _compiled(pattern, True, False)
    if not every:
        first = next(_matches(pattern, compiled, value), None)
        return value if first is None else value[: first.start()] + replacement + value[first.end() :]
    out: list[str] = []
    last, ended = 0, -1
    for found in _matches(pattern, compiled, value):
        if found.start() == found.end() == ended:
            continue  # Go takes no empty match right behind another
        out += value[last : found.start()], _template(replacement, found[0])
        last = ended = found.end()
    return "".join([*out, value[last:]])


def _matches(pattern: str, compiled: re.Pattern[str], value: str) -> Iterator[re.Match[str]]:
    """As `compiled.finditer(value)`, in time that grows with the value and not with its square."""
    pieces = _pieces(pattern)
    if "*" not in pieces:
        yield from compiled.finditer(value)
        return
    head = re.compile("".join(pieces[: pieces.index("*")]))
    at = 0
    while at <= len(value) and (start := head.search(value, at)) is not None:
        found = compiled.match(value, start.start())
        if found is None:
            line_end = value.find("\n", start.start())
            at = len(value) + 1 if line_end < 0 else max(line_end, start.start() + 1)
        else:
            yield found
            at = max(found.end(), found.start() + 1)


def _template(text: str, whole: str) -> str:
    def group(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return whole if (found[1] or found[2]) == "0" else ""

    return re.sub(r"\$\$|\$\{(\w+)\}|\$(\w+)", group, text)


@lru_cache(maxsize=1024)
def _compiled(pattern: str, greedy: bool, reverse: bool) -> re.Pattern[str]:
    pieces = _pieces(pattern)
    if reverse:
        pieces.reverse()
    runs: list[list[str]] = [[]]
    for piece in pieces:
        if piece == "*":
            runs.append([])
        else:
            runs[-1].append(piece)
    head, *rest = ("".join(run) for run in runs)
    if not rest:
        return re.compile(head)
    middle = "".join(f"(?>.*?{run})" for run in rest[:-1])
    return re.compile(f"{head}{middle}{'.*' if greedy else '.*?'}{rest[-1]}")


def _pieces(pattern: str) -> list[str]:
    """The pattern's regular expression character by character, `*` left as it is."""
    out: list[str] = []
    chars = iter(pattern)
    for char in chars:
        if char == "*":
            out.append("*")
        elif char == "?":
            out.append(".")
        elif char == "\\":
            escaped = next(chars, "")
            if escaped not in ("*", "?", "\\", "}", "/"):
                raise PatternError(f"invalid pattern ({pattern}) in substitution: invalid escape '\\{escaped}'")
            out.append(re.escape(escaped))
        else:
            out.append(re.escape(char))
    return out
