"""One pattern of an ignore file → how it is matched against a whole path (reference/dockerfile.md §12).

moby compares most patterns as plain text and compiles the rest to regular expressions of an engine that never
backtracks. Python's does, so a `*` that is followed by another in the same component is atomic: what comes behind it is
taken where it first fits, which can only help what follows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

_META = re.compile(r"[*?\[\]\\]")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a path is compared with; `regexp` must match it whole."""

    kind: Literal["exact", "prefix", "suffix", "regexp"]
    text: str


@lru_cache(maxsize=4096)
def shape_of(pattern: str) -> Shape:
    """The shape of a cleaned pattern without `!`. Raises ValueError for bad syntax."""
    tokens = list(_tokens(pattern))
    if not _META.search(pattern):
        return Shape("exact", pattern)
    if pattern.startswith("**") and not _META.search(pattern, 2):
        return Shape("suffix", pattern[2:])
    if pattern.endswith("**") and not _META.search(pattern[:-2]):
        return Shape("prefix", pattern[:-2])
    return Shape("regexp", _joined(tokens))


def any_of(shapes: Iterable[Shape]) -> Callable[[str], bool]:
    """Whether a path has one of the shapes; the cost hardly grows with their number."""
    found: dict[str, list[str]] = {"exact": [], "prefix": [], "suffix": [], "regexp": []}
    for shape in shapes:
        found[shape.kind].append(shape.text)
        if shape.kind == "suffix" and shape.text.startswith("/"):
            found["exact"].append(shape.text[1:])  # `**/x` matches `x` too
    exact, prefixes, suffixes = frozenset(found["exact"]), tuple(found["prefix"]), tuple(found["suffix"])
    regexp = re.compile("|".join(f"(?:{text})" for text in found["regexp"])).fullmatch if found["regexp"] else None

    def fits(path: str) -> bool:
        return (
            path in exact
            or path.startswith(prefixes)
            or path.endswith(suffixes)
            or (regexp is not None and regexp(path) is not None)
        )

    return fits


_Token = tuple[Literal["t", "*", "d", "c", "/"], str]
"""Kind (plain text, `*`, `**`, class, slash) and regular expression."""


def _tokens(pattern: str) -> Iterator[_Token]:
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("**", at):
            at += 3 if pattern.startswith("/", at + 2) else 2
            yield "d", "(?:.*/)?" if at < len(pattern) else ".*"
            continue
        if char == "[":
            text, at = _class(pattern, at + 1)
            yield "c", text
            continue
        if char == "\\":
            at += 1
            if at == len(pattern):
                raise _malformed(pattern)
            yield "t", re.escape(pattern[at])
        elif char == "*":
            yield "*", "[^/]*"
        elif char == "?":
            yield "t", "[^/]"
        elif char == "/":
            yield "/", "/"
        else:  # `^` anchors, as it does in moby's expressions
            yield "t", char if char == "^" else re.escape(char)
        at += 1


def _class(pattern: str, at: int) -> tuple[str, int]:
    """The class behind `[`, and where it ends; the grammar is that of Go's `path.Match`."""
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[str] = []
    while not ranges or not pattern.startswith("]", at):
        low, at = _member(pattern, at)
        high = low
        if pattern.startswith("-", at):
            high, at = _member(pattern, at + 1)
        if low > high:
            raise _malformed(pattern)
        ranges.append(f"{re.escape(low)}-{re.escape(high)}")
    return f"[{'^' * negated}{''.join(ranges)}]", at + 1


def _member(pattern: str, at: int) -> tuple[str, int]:
    if pattern.startswith("\\", at):
        at += 1
    elif pattern.startswith(("-", "]"), at):
        raise _malformed(pattern)
    if at + 1 >= len(pattern):
        raise _malformed(pattern)
    return pattern[at], at + 1


def _joined(tokens: Sequence[_Token]) -> str:
    """One regular expression."""
    kinds, texts = "".join(kind for kind, _ in tokens), [text for _, text in tokens]
    out: list[str] = []
    at = 0
    for run in re.finditer(r"\*t*(?=\*)", kinds):
        out += [*texts[at : run.start()], "(?>[^/]*?", *texts[run.start() + 1 : run.end()], ")"]
        at = run.end()
    return "".join([*out, *texts[at:]])


def _malformed(pattern: str) -> ValueError:
    return ValueError(f"syntax error in pattern: {pattern}")
