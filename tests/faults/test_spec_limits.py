"""Inputs that are too large or too deep end in a clear error, soon and in little memory. Each is a new process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from memory import Measured, measured

MEMORY = 300_000
"""KB that a process may take at most (its peak resident set)."""
PROCESSOR = 4
"""Seconds of processor time: a loaded machine takes up to twice what a quiet one does."""
SECONDS = 120
"""Against a hang on a loaded machine."""


def bake(directory: Path, *argv: str) -> Measured:
    """`bake ARGV…` in that directory."""
    environment = {**os.environ, "NO_COLOR": "1", "BAKE_DEBUG": "1", "XDG_CACHE_HOME": str(directory / "cache")}
    return measured(directory, *argv, limit=SECONDS, environment=environment)


def chain(count: int, last: str) -> str:
    links = "".join(f"[target._t{n}]\ninherits = ['_t{n + 1}']\n" for n in range(count))
    return f"{links}[target._t{count}]\n{last}\n"


def rows(count: int, row: str) -> str:
    return ", ".join(row % n for n in range(count))


TARGET = "[target.t]\n"
TEN_MB = 10_000_000
TOO_LARGE = {
    "10 MB of comment": "#" * TEN_MB,
    "10 MB of lines": "\n" * TEN_MB,
    "10 MB of targets": "".join(f"[target.t{n}]\ntags = ['x/t{n}']\n" for n in range(TEN_MB // 30)),
    "10 MB of text": TARGET + "description = '" + "é" * (TEN_MB // 2) + "'",
    "10 MB of brackets": "a = " + "[" * TEN_MB,
}
CASES: dict[str, tuple[str, str]] = {
    **{name: (text, "file-too-large") for name, text in TOO_LARGE.items()},
    "an axis of 100,000": (TARGET + f"matrix.a = [{rows(100_000, '%d')}]", "matrix-too-large"),
    "axes of 400 and 250": (
        TARGET + f"matrix.a = [{rows(400, '%d')}]\nmatrix.b = [{rows(250, '%d')}]", "matrix-too-large"),
    "axes of 2, 60 times": (TARGET + "".join(f"matrix.a{n} = [1, 2]\n" for n in range(60)), "matrix-too-large"),
    "100,000 to include": (TARGET + f"matrix.a = [0]\ninclude = [{rows(100_000, '{ a = %d }')}]", "matrix-too-large"),
    "100,000 to exclude": (TARGET + f"matrix.a = [0]\nexclude = [{rows(100_000, '{ a = %d }')}]", "matrix-too-large"),
    "5,000 targets of one tag": (
        TARGET + f"matrix.a = [{rows(50, '%d')}]\nmatrix.b = [{rows(100, '%d')}]\ntags = ['x/y']", "duplicate-tag"),
    "many matrices": (
        "".join(f"[target.{t}]\nmatrix.a = [{rows(100, '%d')}]\nmatrix.b = [{rows(100, '%d')}]\n" for t in "tuvwxyz"),
        "too-many-targets"),
    "many targets": ("".join(f"[target.t{n}]\n" for n in range(25_000)), "too-many-targets"),
    "deep arrays": ("a = " + "[" * 100_000 + "]" * 100_000, "nested-too-deeply"),
    "deep tables": ("a = " + "{ a = " * 100_000 + "1" + "}" * 100_000, "nested-too-deeply"),
    "deep dotted keys": ("target" + ".a" * 100_000 + " = 1", "nested-too-deeply"),
    "deep quoted keys": (TARGET + "args = { a" + """ . 'a'."b" """ * 50_000 + " = 1 }", "nested-too-deeply"),
    "deep headers": ("[target" + ".a" * 100_000 + "]", "nested-too-deeply"),
    "deep names": (TARGET + "args.A = '" + "${" * 100_000 + "}" * 100_000 + "'", "bad-substitution"),
    "deep forms": (TARGET + "args.A = '" + "${A:-" * 100_000 + "}" * 100_000 + "'", "bad-substitution"),
    "parents of parents": (chain(10_000, "context = 'x'"), "nested-too-deeply"),
    "parents in a circle": (chain(10_000, "inherits = ['_t0']"), "inheritance-cycle"),
    "targets in a circle": (
        "".join(f"[target.t{n}]\nafter = ['t{(n + 1) % 3_000}']\n" for n in range(3_000)), "target-cycle"),
    "groups of groups": (
        "[group]\n" + "".join(f"g{n} = ['g{n + 1}']\n" for n in range(10_000)) + "g10000 = ['t']\n[target.t]\n",
        "nested-too-deeply"),
    "variables of variables": (
        "[variable]\n" + "".join(f"V{n} = '${{V{n + 1}}}'\n" for n in range(10_000)) + "V10000 = ''\n" + TARGET
        + "args.A = '${V0}'", "nested-too-deeply"),
    "variables that grow": (
        "[variable]\nV0 = 'aaaaaaaaaa'\n" + "".join(f"V{n} = '{f'${{V{n - 1}}}' * 10}'\n" for n in range(1, 30))
        + TARGET + "args.A = '${V29}'", "bad-substitution"),
    "texts that grow": (
        f"variable.V = '{'a' * 1_000_000}'\n" + TARGET + "".join(f"args.A{n} = '${{V}}${{V}}'\n" for n in range(1_000)),
        "too-much-text"),
    "a pattern that goes back": (
        f"variable.V = {{ default = '{'a' * 100_000}!', pattern = '(a+)+$' }}\n" + TARGET + "args.A = '${V}'\n",
        "pattern-mismatch"),
    "50,000 errors": (TARGET + "".join(f"key{n} = 1\n" for n in range(50_000)), "more-errors"),
    "a number of 100,000 digits": (TARGET + "retries = " + "9" * 100_000, "toml-syntax"),
}  # fmt: skip


CHECKED = (
    "10 MB of lines", "100,000 to include", "100,000 to exclude", "5,000 targets of one tag", "many targets",
    "deep tables", "parents of parents", "parents in a circle", "targets in a circle",
    "groups of groups", "variables of variables", "texts that grow", "50,000 errors",
)  # fmt: skip
"""With `bake check` too."""


@pytest.mark.parametrize(("command", "name"), [*(("print", n) for n in CASES), *(("check", n) for n in CHECKED)])
def test_too_much(tmp_path: Path, name: str, command: str) -> None:
    text, code = CASES[name]
    (tmp_path / "bake.toml").write_text(text)
    ends_well(bake(tmp_path, command, *(["all"] if command == "print" else [])), code)


def ends_well(ended: Measured, code: str) -> None:
    assert "Traceback" not in ended.said
    assert ended.code == 2, ended.said[-2000:]
    assert f"[{code}]" in ended.said, ended.said[-2000:]
    assert re.search(r"--> \S+:\d+:\d+$", ended.said, re.M)
    assert ended.peak < MEMORY
    assert ended.seconds < PROCESSOR
    assert len(ended.said) < 200_000


def test_files_in_a_circle(tmp_path: Path) -> None:
    """Which is no error, and must end: each file counts once."""
    for number in range(500):
        path = tmp_path / f"f{number}/bake.toml"
        path.parent.mkdir()
        path.write_text(f'include = ["../f{(number + 1) % 500}/bake.toml", "../*/bake.toml"]\n[target.t{number}]\n')
    (tmp_path / "bake.toml").write_text('include = ["f0/bake.toml"]\n')
    ended = bake(tmp_path, "list")
    assert ended.code == 0, ended.said
    assert ended.said.count("t499") == 1


def test_a_chain_of_files(tmp_path: Path) -> None:
    count = 3_000
    for number in range(count):
        (tmp_path / f"f{number}.toml").write_text(f'include = ["f{number + 1}.toml"]\nvariable.V{number} = "x"\n')
    (tmp_path / f"f{count}.toml").write_text('[target.t]\nargs.A = "${V0}"\n')
    (tmp_path / "bake.toml").write_text('include = ["f0.toml"]\n')
    ends_well(bake(tmp_path, "print", "all"), "nested-too-deeply")


def test_many_large_files(tmp_path: Path) -> None:
    """Each is small enough; together they are not."""
    for number in range(10):
        (tmp_path / f"f{number}.toml").write_text("#" * 3_900_000)
    (tmp_path / "bake.toml").write_text('include = ["f*.toml"]\n')
    ends_well(bake(tmp_path, "print", "all"), "file-too-large")


@pytest.mark.parametrize(
    ("argument", "code"),
    [
        ("t.platforms=" + "[" * 50_000 + "]" * 50_000, "bad-override"),
        ("t.args=" + "{ a = " * 10_000 + "1" + "}" * 10_000, "bad-override"),
        ("t.args={ a" + ".a" * 10_000 + " = 1 }", "wrong-type"),
        ("t.network=" + "x" * 100_000, "bad-network"),
        ("t.args.A=" + "${A:-" * 10_000 + "}" * 10_000, "bad-substitution"),
        ("t." * 50_000 + "args=1", "bad-override"),
        ("[" * 100_000 + "=", "bad-override"),
    ],
    ids=range(7),
)
def test_arguments(tmp_path: Path, argument: str, code: str) -> None:
    (tmp_path / "bake.toml").write_text(TARGET)
    ends_well(bake(tmp_path, "print", "--set", argument), code)


def test_the_address_space_may_be_small(tmp_path: Path) -> None:
    """What is refused is refused before much is made of it."""
    text, code = CASES["100,000 to include"]
    (tmp_path / "bake.toml").write_text(text)
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (700 << 20,) * 2)"
    argv = [sys.executable, "-c", f"{limit}; from bake.cli import main; sys.exit(main())", "print"]
    ran = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert f"[{code}]" in ran.stderr
