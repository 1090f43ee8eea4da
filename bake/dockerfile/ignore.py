"""Patterns of .dockerignore, `--exclude` and `--parents`, as moby matches them (reference/dockerfile.md §12).

They are not gitignore's: anchored at both ends, the last match decides, and each pattern is tried against the path and
every directory above it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from bake.dockerfile.paths import clean
from bake.dockerfile.wildcards import any_of, shape_of


class BadPattern(ValueError):
    """A pattern that is none, in a line of an ignore file."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def parse_patterns(text: str) -> tuple[str, ...]:
    """The cleaned patterns of an ignore file, in order. Raises BadPattern."""
    found: list[str] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if line.startswith("#") or not line.strip():
            continue
        exception, rest = _parted(line)
        if rest != "/":
            rest = rest.removeprefix("/")
        pattern = f"!{rest}" if exception else rest
        try:
            _check(_parted(pattern)[1])  # parted once more, as moby does: `/!a` has become an exception
        except ValueError as error:
            raise BadPattern(str(error), number) from None
        found.append(pattern)
    return tuple(found)


class Matcher:
    """Decides paths relative to the root, without a leading slash. Raises ValueError for a bad pattern.

    Cheap for many paths of one directory: what its parents matched is remembered per directory.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        parted = [_parted(pattern) for pattern in patterns if pattern.strip()]
        for _, rest in parted:
            _check(rest)
        groups = [(sign, [rest for _, rest in group]) for sign, group in groupby(parted, key=lambda p: p[0])]
        self._groups = [(sign, any_of(map(shape_of, rests))) for sign, rests in groups]
        self._exceptions = [_leading_names(rest) for sign, rest in parted if sign]
        self._above: dict[str, tuple[bool, ...]] = {"": (False,) * len(self._groups)}

    def ignored(self, path: str) -> bool:
        """Whether the last pattern that matches the path, or a directory above it, is no exception."""
        directory = path.rpartition("/")[0]
        return self._tried(path, self._above.get(directory) or self._matches(directory))[0]

    def _tried(self, path: str, above: tuple[bool, ...]) -> tuple[bool, tuple[bool, ...]]:
        """Whether a path is ignored, and which groups of patterns have matched. `above`: those that its directory has.

        As moby has it, a pattern is only tried where it would change the verdict so far, so that an exception for a
        directory that nothing leaves out counts for nothing below it.
        """
        out, matched = False, list(above)
        for at, (exception, fits) in enumerate(self._groups):
            if above[at] or (exception is out and fits(path)):
                matched[at], out = True, not exception
        return out, tuple(matched)

    def may_descend(self, directory: str) -> bool:
        """Whether an exception could match something below an ignored directory; rather yes than no."""
        names = directory.split("/")
        return any(all(fits(name) for fits, name in zip(e, names, strict=False)) for e in self._exceptions)

    def _matches(self, directory: str) -> tuple[bool, ...]:
        """For each group, whether it has matched the directory or one above it."""
        if not self._groups:
            return ()
        known = self._above[""]
        path = ""
        for name in directory.split("/"):
            path = f"{path}/{name}" if path else name
            if path not in self._above:
                self._above[path] = self._tried(path, known)[1]
            known = self._above[path]
        return known


def _leading_names(pattern: str) -> list[Callable[[str], bool]]:
    """The components of a pattern, up to the first that may stand for several."""
    names: list[Callable[[str], bool]] = []
    for name in pattern.split("/"):
        if "**" in name or "[" in name or "\\" in name:
            break
        names.append(any_of([shape_of(name)]))
    return names


def _parted(pattern: str) -> tuple[bool, str]:
    """Whether it is an exception, and the cleaned rest."""
    pattern = pattern.strip()
    exception = pattern.startswith("!")
    rest = pattern[1:].strip() if exception else pattern
    return exception, clean(rest) if rest else ""


def _check(pattern: str) -> None:
    if not pattern:
        raise ValueError('illegal exclusion pattern: "!"')
    shape_of(pattern)
