"""The `pattern` of a variable: Python's regular expressions, matched in time that grows with the value, never faster.

Python's own matcher goes back and tries again, which takes longer than anybody waits for `(a+)+` and the wrong value.
This one follows all ways at once (Thompson, 1968), over what Python's parser makes of the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

_parser: Any = re._parser  # type: ignore[attr-defined]
_compiler: Any = re._compiler  # type: ignore[attr-defined]
_STATES = 5_000
_STEPS = 500_000
_REFUSED = {
    "GROUPREF": "refers back to a group",
    "GROUPREF_EXISTS": "asks whether a group has matched",
    "ATOMIC_GROUP": "has an atomic group",
    "POSSESSIVE_REPEAT": "has a possessive repeat",
}
"""What needs a matcher that goes back. RE2, which the peer's `regex` function has, refuses them as well."""

_Test = Callable[[str, int, "_Budget"], bool]


@dataclass(slots=True)
class _Budget:
    left: int = _STEPS

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise ValueError("it is too long to be compared with the pattern")


@dataclass(slots=True)
class _State:
    """Goes on to `following` where `test` (None: always) holds, with `width` characters."""

    test: _Test | None = None
    width: int = 0
    following: list[int] = field(default_factory=list)


class Pattern:
    """Raises ValueError for a text that is no regular expression, or not one that can be matched in good time."""

    def __init__(self, text: str) -> None:
        try:
            re.compile(text)
            parsed = _parser.parse(text)
            self._machine = _Machine(parsed, parsed.state.flags)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(str(error)) from None

    def fits(self, value: str) -> bool:
        """Whether the whole value matches. Raises ValueError when that would take too long."""
        return len(value) in self._machine.ends(value, 0, _Budget())


@lru_cache(maxsize=256)
def pattern_of(text: str) -> Pattern:
    """As `Pattern`, made once a text."""
    return Pattern(text)


class _Machine:
    """The states of one expression; the last one, number 0, is its end."""

    def __init__(self, parsed: Any, flags: int) -> None:
        self._states = [_State()]
        self._start = self._sequence(parsed, flags, 0)

    def ends(self, text: str, start: int, budget: _Budget) -> Iterator[int]:
        """Where a match from `start` may end."""
        here, at = {self._start}, start
        while here:
            below, todo, seen = set[int](), list(here), set(here)
            while todo:
                budget.spend()
                number = todo.pop()
                state = self._states[number]
                if number == 0:
                    yield at
                if state.test is not None and not state.test(text, at, budget):
                    continue
                if state.width:
                    below.update(state.following)
                else:
                    todo += (new := set(state.following) - seen)
                    seen |= new
            here, at = below, at + 1

    def _add(self, *following: int, test: _Test | None = None, width: int = 0) -> int:
        if len(self._states) >= _STATES:
            raise ValueError("it is too large, or repeats too much")
        self._states.append(_State(test, width, list(following)))
        return len(self._states) - 1

    def _sequence(self, parsed: Any, flags: int, after: int) -> int:
        for node in reversed(list(parsed)):
            after = self._node(parsed, node, flags, after)
        return after

    def _node(self, parsed: Any, node: tuple[Any, Any], flags: int, after: int) -> int:
        name, value = str(node[0]), node[1]
        match name:
            case "BRANCH":
                return self._add(*(self._sequence(each, flags, after) for each in value[1]))
            case "SUBPATTERN":
                _, added, removed, inner = value
                return self._sequence(inner, (flags | added) & ~removed, after)
            case "MAX_REPEAT" | "MIN_REPEAT":
                least, most, body = value
                return self._repeat(least, most, body, flags, after)
            case "ASSERT" | "ASSERT_NOT":
                direction, body = value
                return self._add(after, test=_assertion(direction, body, flags, name == "ASSERT"))
        if name in _REFUSED:
            raise ValueError(f"it {_REFUSED[name]}, which takes too long with some values")
        one = _compiler.compile(_parser.SubPattern(parsed.state, [node]), flags)
        return self._add(after, test=lambda text, at, _: one.match(text, at) is not None, width=int(name != "AT"))

    def _repeat(self, least: int, most: Any, body: Any, flags: int, after: int) -> int:
        if most is _parser.MAXREPEAT:
            loop = self._add(after)
            self._states[loop].following.append(self._sequence(body, flags, loop))
            after = loop
        else:
            end = after
            for _ in range(most - least):
                after = self._add(self._sequence(body, flags, after), end)
        for _ in range(least):
            before, after = len(self._states), self._sequence(body, flags, after)
            if len(self._states) == before:  # an empty body
                break
        return after


def _assertion(direction: int, body: Any, flags: int, wanted: bool) -> _Test:
    """A look ahead, or behind: what Python looks at there has one length."""
    machine = _Machine(body, flags)
    behind = body.getwidth()[0] if direction < 0 else 0

    def test(text: str, at: int, budget: _Budget) -> bool:
        start = at - behind
        found = start >= 0 and any(not behind or end == at for end in machine.ends(text, start, budget))
        return found is wanted

    return test
