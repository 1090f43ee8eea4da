"""docs/errors.md has an entry for each code of the source, and each example in it brings about its code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from error_codes import SOURCE, codes

from bake.app.checking import check
from bake.app.options import Options

TEXT = (SOURCE.parent / "docs/errors.md").read_text()
ENTRIES = {m[1]: m[2] for m in re.finditer(r"^### `([^`]+)`\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL)}
EXAMPLES = [
    (code, kind, example)
    for code, text in ENTRIES.items()
    for kind, example in re.findall(r"^```(toml|dockerfile)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
]


def test_each_code_has_an_entry() -> None:
    made = codes()
    missing = [f"{code} ({made[code]})" for code in sorted(set(made) - set(ENTRIES))]
    assert not missing, "write an entry in docs/errors.md"


def test_each_entry_has_a_code() -> None:
    assert sorted(set(ENTRIES) - set(codes())) == []


def test_the_collector_finds_codes_in_all_their_forms() -> None:
    """Given directly, by name, by default, in a table, through a helper."""
    forms = {"no-spec", "undefined-name", "bad-value", "disk-full", "registry-denied", "bad-onbuild", "stage-order"}
    assert forms <= set(codes())


def test_entries_say_what_to_do() -> None:
    assert [code for code, text in ENTRIES.items() if "\nMend: " not in text] == []
    headings = re.findall(r"^### `([^`]+)`$", TEXT, re.MULTILINE)
    assert len(headings) == len(set(headings)), "an entry is there twice"


@pytest.mark.parametrize(("code", "kind", "example"), EXAMPLES, ids=[f"{code}-{kind}" for code, kind, _ in EXAMPLES])
def test_examples(code: str, kind: str, example: str, tmp_path: Path) -> None:
    if kind == "dockerfile":
        (tmp_path / "Dockerfile").write_text(example)
        example = "[target.app]\n"
    (tmp_path / "bake.toml").write_text(example)
    found = check(Options(directory=str(tmp_path), environment={"PATH": "/usr/bin:/bin"}))
    assert code in {diagnostic.code for diagnostic in found}, [f"{d.code}: {d.message}" for d in found]
