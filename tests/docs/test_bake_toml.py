"""docs/bake-toml.md: its tables are those of the code, its examples load, and answer as they say."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from error_codes import SOURCE

from bake.spec.docs import TABLES, with_tables
from bake.spec.filters import FILTER_HELP, FILTERS
from bake.spec.print import to_print
from bake.spec.request import GIT_FACTS, Request
from bake.spec.resolve import check, resolve
from bake.spec.workspace import spec_of

PAGE = (SOURCE.parent / "docs/bake-toml.md").read_text()
GIT = {"sha": "0123456789abcdef0123456789abcdef01234567", "branch": "feature/New_Login"}
_FENCE = re.compile(r"^```(toml|console|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_tables_are_current() -> None:
    assert with_tables(PAGE) == PAGE, "run: python docs/tables.py"
    assert set(re.findall(r"<!-- table: (\w+) -->", PAGE)) == set(TABLES)


def test_all_names_are_told() -> None:
    assert set(FILTER_HELP) == set(FILTERS)
    assert all(f"`git.{fact}`" in PAGE for fact in GIT_FACTS)


def examples() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(file, command, answer); the last two are empty where the page has none."""
    blocks = _FENCE.findall(PAGE)
    for at, (kind, text) in enumerate(blocks):
        if kind == "toml":
            following = dict(blocks[at + 1 : at + 3]) if blocks[at + 1 : at + 2] and blocks[at + 1][0] != "toml" else {}
            yield text, following.get("console", ""), json.loads(following.get("json", "{}"))


EXAMPLES = list(examples())


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 9 and sum(bool(answer) for *_, answer in EXAMPLES) >= 8


@pytest.mark.parametrize(("text", "command", "answer"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_examples(text: str, command: str, answer: dict[str, Any]) -> None:
    spec = spec_of(text, directory="/work")
    assert [d for d in check(spec, Request(git=GIT)) if d.severity == "error"] == []
    if not command:
        return
    printed = to_print(resolve(spec, _request(command)))["target"]
    assert set(printed) == set(answer)
    assert {name: {key: printed[name][key] for key in keys} for name, keys in answer.items()} == answer


def _request(command: str) -> Request:
    words = shlex.split(command.removeprefix("$ "))
    assert words[:2] == ["bake", "print"]
    names: list[str] = []
    flags: dict[str, list[str]] = {"--set": [], "--profile": []}
    rest = iter(words[2:])
    for word in rest:
        flags.get(word, names).append(next(rest) if word in flags else word)
    return Request(tuple(names), git=GIT, profiles=tuple(flags["--profile"]), overrides=tuple(flags["--set"]))
