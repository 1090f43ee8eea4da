"""Which command a line means."""

from __future__ import annotations

import pytest

from bake.cli.group import arrange


@pytest.mark.parametrize(
    ("line", "arranged"),
    [
        ("", "build"),
        ("app", "build app"),
        ("app web --push", "build app web --push"),
        ("--push app", "build --push app"),
        ("-j 2 app", "build -j 2 app"),
        ("-j2 plan app", "plan -j2 app"),
        ("-kj 2 plan app", "plan -kj 2 app"),
        ("-kj2 plan", "plan -kj2"),
        ("-f plan app", "build -f plan app"),
        ("--file plan plan", "plan --file plan"),
        ("--file=plan plan", "plan --file=plan"),
        ("--var plan=1 list --json", "list --var plan=1 --json"),
        ("build plan", "build plan"),
        ("--keep-going build plan", "build --keep-going plan"),
        ("-- plan", "build -- plan"),
        ("run app -- plan", "run app -- plan"),
        ("--push -- run", "build --push -- run"),
        ("--help", "--help"),
        ("-h", "--help"),
        ("--push --help", "--help"),
        ("app --help", "build app --help"),
        ("--help plan", "plan --help"),
        ("--version", "--version"),
        ("--version app", "--version"),
        ("-", "build -"),
        ("-j", "build -j"),
    ],
)
def test_arrange(line: str, arranged: str) -> None:
    assert arrange(line.split()) == arranged.split()
