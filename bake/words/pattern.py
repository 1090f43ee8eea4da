"""Patterns of `${v#p}`, `${v%p}`, `${v/p/r}`: `*`, `?` and backslash escapes, no classes (dockerfile.md §4.3)."""

from __future__ import annotations

import re
from functools import lru_cache


class PatternError(ValueError):
    """A pattern with an escape that means nothing."""


def trim_prefix(pattern: str, value: str, greedy: bool) -> str:
    """`value` less its shortest, or longest, prefix that fits."""
    found = _compiled(pattern, greedy, False).match(value)
    return value[found.end() :] if found else value


def trim_suffix(pattern: str, value: str, greedy: bool) -> str:
    """`value` less its shortest, or longest, suffix that fits: a prefix of both read backwards."""
    found = _compiled(pattern, greedy, True).match(value[::-1])
    return value[: len(value) - found.end()] if found else value


def replace(pattern: str, replacement: str, value: str, every: bool) -> str:
    """`value` with the first, or every, match replaced; with `every` the replacement is a Go regexp template."""
    compiled = _compiled(pattern, True, False)
    if not every:
        return compiled.sub(lambda _: replacement, value, count=1)
    return compiled.sub(lambda found: _template(replacement, found[0]), value)


def _template(text: str, whole: str) -> str:
    def group(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return whole if (found[1] or found[2]) == "0" else ""

    return re.sub(r"\$\$|\$\{(\w+)\}|\$(\w+)", group, text)


@lru_cache(maxsize=1024)
def _compiled(pattern: str, greedy: bool, reverse: bool) -> re.Pattern[str]:
    pieces = list(_pieces(pattern, greedy))
    return re.compile("".join(reversed(pieces) if reverse else pieces))


def _pieces(pattern: str, greedy: bool) -> list[str]:
    out: list[str] = []
    chars = iter(pattern)
    for char in chars:
        if char == "*":
            out.append(".*" if greedy else ".*?")
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
