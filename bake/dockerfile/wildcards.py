"""One pattern of an ignore file → how it is matched against a whole path (reference/dockerfile.md §12).

moby compares most patterns as plain text and compiles the rest to regular expressions of an engine that never
backtracks. Python's does, so a `*` that is followed by another in the same component is atomic: what comes behind it is
taken where it first fits, which can only help what follows. The same holds for `**/` between whole components; with
many `**` in the midst of components all ways are walked at once instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

_MOST_LEAPS = 2
"""`**` of a regular expression: each multiplies its time by the length of a path."""
_LEAPS = ("d", "D")
_META = re.compile(r"[*?\[\]\\]")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a path is compared with; `regexp` must match it whole. `walk` is a pattern for `_walk`."""

    kind: Literal["exact", "prefix", "suffix", "regexp", "walk"]
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
    leaps = [at for at, (kind, _) in enumerate(tokens) if kind in _LEAPS]
    if len(leaps) <= _MOST_LEAPS:
        return Shape("regexp", _joined(tokens))
    if all(_is_whole(tokens, at) for at in leaps):
        return Shape("regexp", _by_directory(tokens, leaps))
    return Shape("walk", pattern)


def any_of(shapes: Iterable[Shape]) -> Callable[[str], bool]:
    """Whether a path has one of the shapes; the cost hardly grows with their number."""
    found: dict[str, list[str]] = {"exact": [], "prefix": [], "suffix": [], "regexp": [], "walk": []}
    for shape in shapes:
        found[shape.kind].append(shape.text)
        if shape.kind == "suffix" and shape.text.startswith("/"):
            found["exact"].append(shape.text[1:])  # `**/x` matches `x` too
    exact, prefixes, suffixes = frozenset(found["exact"]), tuple(found["prefix"]), tuple(found["suffix"])
    regexp = re.compile("|".join(f"(?:{text})" for text in found["regexp"])).fullmatch if found["regexp"] else None

    walks = tuple(tuple(_tokens(text)) for text in found["walk"])

    def fits(path: str) -> bool:
        return (
            path in exact
            or path.startswith(prefixes)
            or path.endswith(suffixes)
            or (regexp is not None and regexp(path) is not None)
            or any(_walk(tokens, path) for tokens in walks)
        )

    return fits


def _walk(tokens: Sequence[_Token], path: str) -> bool:
    """Whether the whole path fits: the set of all places in the pattern is taken along from character to character.

    A place is the number of the token that comes next, or `~number` inside of a `**`.
    """
    places = _reached(tokens, {0}, at_start=True)
    for char in path:
        ahead: set[int] = set()
        for place in places:
            if place < 0:
                ahead |= _inside(tokens, ~place, char)
            elif place < len(tokens):
                ahead |= _step(tokens[place], place, char)
        places = _reached(tokens, ahead, at_start=False)
    return len(tokens) in places


def _inside(tokens: Sequence[_Token], number: int, char: str) -> set[int]:
    """A `**` takes whole directories, or all that is left when it ends the pattern."""
    if char == "\n":
        return set()
    leaves = char == "/" or number == len(tokens) - 1
    return {~number, number + 1} if leaves else {~number}


def _step(token: _Token, number: int, char: str) -> set[int]:
    kind, text = token
    if kind == "*":
        return {number} if char != "/" else set()
    fits = kind not in _LEAPS and text != "^" and _one(text).fullmatch(char) is not None
    return {number + 1} if fits else set()


def _reached(tokens: Sequence[_Token], places: set[int], *, at_start: bool) -> set[int]:
    """`places`, and those that are reached from them without a character."""
    found: set[int] = set()
    todo = list(places)
    while todo:
        place = todo.pop()
        if place in found:
            continue
        found.add(place)
        if not 0 <= place < len(tokens):
            continue
        kind, text = tokens[place]
        if kind in _LEAPS:
            todo += [~place, place + 1]
        elif kind == "*" or (text == "^" and at_start):
            todo.append(place + 1)
    return found


_one = lru_cache(maxsize=1024)(re.compile)

_Token = tuple[Literal["t", "*", "d", "D", "c", "/"], str]
"""Kind (plain text, `*`, `**`, `**/`, class, slash) and regular expression."""


def _tokens(pattern: str) -> Iterator[_Token]:
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("**", at):
            whole = pattern.startswith("/", at + 2)
            at += 2 + whole
            yield "D" if whole else "d", "(?:.*/)?" if at < len(pattern) else ".*"
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


def _is_whole(tokens: Sequence[_Token], at: int) -> bool:
    """Whether a `**` stands for whole directories: between slashes, or at the very end."""
    starts = at == 0 or tokens[at - 1][0] in ("/", "D")
    return starts and (tokens[at][0] == "D" or at == len(tokens) - 1)


def _by_directory(tokens: Sequence[_Token], leaps: Sequence[int]) -> str:
    """One regular expression that takes what is between two `**` in the first directories where it fits."""
    out = [_joined(tokens[: leaps[0]])]
    for at, to in pairwise(leaps):
        out.append(f"(?>(?:.*?/)??{_joined(tokens[at + 1 : to])})")
    return "".join([*out, _joined(tokens[leaps[-1] :])])


def _malformed(pattern: str) -> ValueError:
    return ValueError(f"syntax error in pattern: {pattern}")
