"""Cases in which the BuildKit of Debian 13, being older, is not of 28.5's mind: their names, in cases/26.1/unlike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diff_cases import CASES, Case
from diff_errors import judge_class
from diff_images import differences
from diff_recordings import Recordings

_PLACE = CASES / "26.1/unlike"


def names() -> set[str]:
    return set(_PLACE.read_text().split())


def of_one_mind() -> list[Case]:
    """Those in which the two gave the same."""
    return [case for case in Recordings("28.5").cases() if case.name not in names()]


def save(results: Mapping[str, dict[str, Any]]) -> None:
    """Writes down anew which of these results of 26.1 are others than 28.5's."""
    recorded = Recordings("28.5")
    cases = {case.name: case for case in recorded.cases()}
    unlike = {name for name, found in results.items() if not same(recorded.result(cases[name]), found)}
    left = names() & cases.keys() - results.keys() if _PLACE.is_file() else set()
    _PLACE.parent.mkdir(exist_ok=True)
    _PLACE.write_text("".join(f"{name}\n" for name in sorted(left | unlike)))


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Equal images, or failures of one class."""
    if "error" in one and "error" in other:
        return judge_class(one["error"]) == judge_class(other["error"])
    return not differences(one, other)
