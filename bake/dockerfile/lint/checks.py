"""`# check=skip=A,B;error=true;experimental=all`: which findings count, and whether they fail (dockerfile.md §1.1).

As BuildKit reads it: names count in their own case alone, and `all` only when it stands for itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bake.dockerfile.lint.rule import Rule

_ALL = "all"


@dataclass(frozen=True, slots=True)
class Checks:
    """`all` among the names stands for every rule."""

    skip: frozenset[str] = frozenset()
    experimental: frozenset[str] = frozenset()
    error: bool = False
    names: tuple[str, ...] = ()
    """The rule names as written."""

    def allows(self, rule: Rule) -> bool:
        """Whether findings of the rule are told."""
        if self.skip & {rule.name, _ALL}:
            return False
        return not rule.experimental or bool(self.experimental & {rule.name, _ALL})

    def with_comments(self, comments: Iterable[str]) -> Checks:
        """With what the comments above an instruction add for it alone; `error` does not count there."""
        merged = self
        for comment in comments:
            key, equals, value = comment.partition("=")
            if equals and key.strip().lower() == "check":
                try:
                    own = parse_checks(first_word(value))
                except ValueError:
                    continue  # an ordinary comment that begins like one
                merged = replace(
                    merged, skip=merged.skip | own.skip, experimental=merged.experimental | own.experimental
                )
        return merged


def parse_checks(text: str) -> Checks:
    """The value of a `# check=` line. Raises ValueError with BuildKit's text."""
    found = Checks()
    for part in text.split(";", 2):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        names = tuple(name.strip() for name in value.split(",") if name.strip())
        counting = frozenset(names if value == _ALL else (name for name in names if name != _ALL))
        match key if equals else "":
            case "skip":
                found = replace(found, skip=counting, names=found.names + names)
            case "experimental":
                found = replace(found, experimental=counting, names=found.names + names)
            case "error":
                found = replace(found, error=_boolean(value))
            case _:
                raise ValueError(f'invalid check option "{key}"')
    return found


def first_word(text: str) -> str:
    """What counts of the value of a directive or comment: it ends at the first blank."""
    return text.split(maxsplit=1)[0] if text.split() else ""


def _boolean(value: str) -> bool:
    """As Go's strconv.ParseBool."""
    if value in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if value in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise ValueError(f'failed to parse check option "error={value}"')
