"""docs/migrate-from-docker-bake.md: it names every key of the peer, and what it says of ours is so."""

from __future__ import annotations

import re
from typing import Any

import pytest
from error_codes import SOURCE

from bake.errors import Source
from bake.importing.convert import convert
from bake.importing.keys import APPENDED, CARRIED, DROPPED, OURS, STRUCTURE
from bake.spec.filters import FILTERS
from bake.spec.keys import ALL_TARGET_KEYS
from bake.spec.print import to_print
from bake.spec.resolve import resolve
from bake.spec.workspace import spec_of

PAGE = (SOURCE.parent / "docs/migrate-from-docker-bake.md").read_text()
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.splitlines()
    if line.startswith("| `")
]
KEYS = {row[0].strip("`"): row for row in ROWS if len(row) == 3}


def test_every_key_has_a_row() -> None:
    assert set(KEYS) == {*CARRIED, *STRUCTURE, *DROPPED, "policy", "call"}
    assert {ours.strip("`") for _, ours, _ in KEYS.values()} - {"none"} <= set(ALL_TARGET_KEYS)
    assert all(f"`{name}`" in PAGE for name in OURS)


@pytest.mark.parametrize("name", sorted(APPENDED))
def test_lists_that_the_peer_appends_to_are_told(name: str) -> None:
    assert f"`extend-{name}`" in KEYS[name][2]


def test_filters_are_there() -> None:
    assert set(re.findall(r"\\\| (\w+)\}", PAGE)) <= set(FILTERS)


def test_the_two_examples_say_the_same() -> None:
    """Ours beside what the import makes of the peer's."""
    (theirs, ours) = (
        re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0] for kind in ("hcl", "toml")
    )
    imported, printed = (_printed(text) for text in (convert(Source("docker-bake.hcl", theirs)).text, ours))
    assert imported == printed
    assert printed["app-slim"]["args"] == {"MODE": "debug", "OS": "slim"}
    assert printed["app-slim"]["tags"] == ["localhost:5000/app:1.2.3-slim", "localhost:5000/app:slim"]


def _printed(text: str) -> dict[str, Any]:
    found: dict[str, Any] = to_print(resolve(spec_of(text, directory="/work")))["target"]
    return found
