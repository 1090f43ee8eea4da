"""What beginners write, and the one line that puts them right."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bake.errors import Diagnostic

MISTAKES = [
    ('tags = "a/b:1"', "wrong-type", 'write tags = ["a/b:1"]'),
    ('after = "lint"', "wrong-type", 'write after = ["lint"]'),
    ('test = ["python", "-V"]', "wrong-type", 'write test = [["python", "-V"]]'),
    ('test = "python -V"', "wrong-type", 'for example test = [["python", "-c", "import app"]]'),
    ('tags = ["x:$VERSION"]', "bad-reference", "a value is put in by `${NAME}`"),
    ("context = ./app", "toml-syntax", "a text stands in quotes"),
    ("context = “.”", "toml-syntax", "a text stands in quotes"),
    ('tags = ["a"\n[target.b]', "toml-syntax", "a list that begins above has no `]`"),
    ('args = { A = "1" B = "2" }', "toml-syntax", "a table that begins above has no `}`, or no comma"),
    ('context = "a', "toml-syntax", "its closing quote is missing"),
    ("context = 'a", "toml-syntax", "its closing quote is missing"),
    (r'args.A = "\d+"', "toml-syntax", "write two backslashes, or put the text in single quotes"),
    ('target "app" {\n}', "toml-syntax", "this looks like HCL or YAML: `bake import FILE`"),
    ("services:\n  app:\n", "toml-syntax", "this looks like HCL or YAML: `bake import FILE`"),
]


@pytest.mark.parametrize(("line", "code", "hint"), MISTAKES, ids=range(len(MISTAKES)))
def test_hints(refused: Callable[..., tuple[Diagnostic, ...]], line: str, code: str, hint: str) -> None:
    (found,) = refused(f"[target.t]\n{line}\n")
    assert (found.code, found.span and found.span.line) == (code, 2 if "\n[" not in line else 3)
    assert hint in str(found.hint)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('cache-from = ["type=registry"]', "the entry has no `ref`: its name in a registry"),
        ('cache-to = [{ type = "registry", mode = "max" }]', "the entry has no `ref`: its name in a registry"),
        ('cache-to = ["type=local"]', "the entry has no `dest`: its directory"),
        ('cache-from = ["type=local"]', "the entry has no `src`: its directory"),
    ],
)
def test_a_cache_needs_a_place(refused: Callable[..., tuple[Diagnostic, ...]], entry: str, message: str) -> None:
    (found,) = refused(f"[target.t]\n{entry}\n", "t")
    assert (found.code, found.message) == ("missing-key", message)
