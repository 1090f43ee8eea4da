"""Wildcards of COPY and ADD sources: Go's `path/filepath.Match`, one path component at a time (dockerfile.md §8.2)."""

from __future__ import annotations

import re
from functools import lru_cache


def has_wildcard(path: str) -> bool:
    """Whether `path` holds `*`, `?` or `[` that no backslash escapes."""
    return re.search(r"(?<!\\)(?:\\\\)*[*?\[]", path) is not None


def matches(pattern: str, name: str) -> bool:
    """Whether one component fits. Raises ValueError for a malformed pattern (`[a`, a trailing backslash)."""
    return _compiled(pattern).fullmatch(name) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "[":
            piece, at = _class(pattern, at)
            out.append(piece)
            continue
        if char == "\\":
            at += 1
            if at == len(pattern):
                raise ValueError(f"syntax error in pattern '{pattern}'")
            out.append(re.escape(pattern[at]))
        else:
            out.append({"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char))
        at += 1
    return re.compile("".join(out), re.DOTALL)


def _class(pattern: str, at: int) -> tuple[str, int]:
    end = at + 1
    negated = pattern[end : end + 1] == "^"
    end += negated
    body = ""
    while end < len(pattern) and (pattern[end] != "]" or not body):
        if pattern[end] == "\\":
            end += 1
        body += "-" if pattern[end : end + 1] == "-" else re.escape(pattern[end : end + 1])
        end += 1
    if end >= len(pattern) or not body:
        raise ValueError(f"syntax error in pattern '{pattern}'")
    return f"[{'^' if negated else ''}{body}]", end + 1
