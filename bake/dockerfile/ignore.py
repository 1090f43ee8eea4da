"""Patterns of .dockerignore, `--exclude` and `--parents`, as moby matches them (reference/dockerfile.md §12).

They are not gitignore's: anchored at both ends, the last match decides, and each pattern is tried against the path and
every directory above it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from posixpath import normpath


def parse_patterns(text: str) -> tuple[str, ...]:
    """The cleaned patterns of an ignore file, in order. Raises ValueError with the line number for a bad one."""
    found: list[str] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if line.startswith("#"):
            continue
        pattern = _cleaned(line.strip())
        if not pattern:
            continue
        try:
            _rule(pattern)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        found.append(pattern)
    return tuple(found)


def _cleaned(pattern: str) -> str:
    negated = pattern.startswith("!")
    if negated:
        pattern = pattern[1:].strip()
    if pattern:
        pattern = normpath(pattern)
        if len(pattern) > 1 and pattern.startswith("/"):
            pattern = pattern.lstrip("/")
    return "!" + pattern if negated else pattern


class Matcher:
    """Decides paths relative to the root, without a leading slash. Raises ValueError for a bad pattern."""

    def __init__(self, patterns: Sequence[str]) -> None:
        cleaned = [p for p in map(_cleaned, patterns) if p]
        self._rules = [(pattern.startswith("!"), _rule(pattern)) for pattern in cleaned]
        self._exceptions = [pattern[1:] for pattern in cleaned if pattern.startswith("!")]
        self._verdicts: dict[str, tuple[bool, ...]] = {"": tuple(False for _ in self._rules)}

    def ignored(self, path: str) -> bool:
        """Whether the last pattern that matches the path, or a directory above it, is no exception."""
        verdict = False
        for (exception, _), matched in zip(self._rules, self._matches(path), strict=True):
            if matched:
                verdict = not exception
        return verdict

    def may_descend(self, directory: str) -> bool:
        """Whether an exception could match something below an ignored directory."""
        parts = directory.split("/")
        return any(_reaches(pattern.split("/"), parts) for pattern in self._exceptions)

    def _matches(self, path: str) -> tuple[bool, ...]:
        """For each rule, whether it matches the path or one of its parents."""
        known = self._verdicts.get(path)
        if known is None:
            above = self._matches(path.rpartition("/")[0])
            known = tuple(up or rule.match(path) is not None for up, (_, rule) in zip(above, self._rules, strict=True))
            self._verdicts[path] = known
        return known


def _reaches(pattern: Sequence[str], directory: Sequence[str]) -> bool:
    """Whether something below `directory` could match `pattern`, component by component; generous, never too strict."""
    for want, have in zip(pattern, directory, strict=False):
        if "**" in want:
            return True
        if not _rule(want).match(have):
            return False
    return True


@lru_cache(maxsize=4096)
def _rule(pattern: str) -> re.Pattern[str]:
    """The regular expression of one pattern, its `!` left aside; matches whole paths only."""
    body = pattern.removeprefix("!")
    if not body:
        raise ValueError(f'illegal exclusion pattern: "{pattern}"')
    try:
        return re.compile(f"(?:{_translated(body)})\\Z", re.DOTALL)
    except re.error:
        raise ValueError(f"syntax error in pattern: {pattern}") from None


def _translated(body: str) -> str:
    out: list[str] = []
    at = 0
    while at < len(body):
        char = body[at]
        if body.startswith("**", at):
            at += 2
            if body.startswith("/", at):
                at += 1
            out.append(".*" if at >= len(body) else "(?:.*/)?")
            continue
        if char == "[":
            end = _class_end(body, at)
            out.append(_class(body[at + 1 : end]))
            at = end + 1
            continue
        if char == "\\":
            at += 1
            if at >= len(body):
                raise ValueError(f"syntax error in pattern: {body}")
            out.append(re.escape(body[at]))
        else:
            out.append({"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char))
        at += 1
    return "".join(out)


def _class_end(body: str, at: int) -> int:
    end = at + 1
    if body[end : end + 1] == "^":
        end += 1
    start = end
    while end < len(body) and (body[end] != "]" or end == start):
        end += 2 if body[end] == "\\" else 1
    if end >= len(body):
        raise ValueError(f"syntax error in pattern: {body}")
    return end


def _class(inside: str) -> str:
    negated = inside.startswith("^")
    inside = inside.removeprefix("^")
    escaped = re.sub(r"\\(.)|([\[\]&~|^])", lambda found: re.escape(found[1] or found[2]), inside)
    return f"[{'^' if negated else ''}{escaped}]"
