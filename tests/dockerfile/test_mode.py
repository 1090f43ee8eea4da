"""Modes of `--chmod`: tables, and coreutils' chmod as the oracle where BSD's rules are the same."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.dockerfile.mode import parse_mode


@pytest.mark.parametrize(
    ("text", "old", "is_dir", "new"),
    [
        ("644", 0o755, False, 0o644),
        ("0", 0o755, True, 0),
        ("07777", 0, False, 0o7777),
        ("000644", 0, False, 0o644),
        ("u=rwX,go=", 0o644, False, 0o600),
        ("u=rwX,go=", 0o750, True, 0o700),
        ("u=rwX,go=rX", 0o700, False, 0o755),
        ("+x", 0o644, False, 0o755),
        ("a-w", 0o666, False, 0o444),
        ("go=u-w", 0o740, False, 0o755),
        ("u+s", 0o755, False, 0o4755),
        ("g+s,o+s", 0o755, False, 0o2755),
        ("+t", 0o755, True, 0o1755),
        ("o+t", 0o755, True, 0o755),
        ("u=rwx", 0o4644, False, 0o744),
        ("g=u", 0o2740, False, 0o2770),
        ("a=r", 0o7777, False, 0o1444),
        ("=", 0o777, False, 0),
        ("a-x,a+X", 0o755, False, 0o755),
        ("+X", 0o644, False, 0o644),
        ("ug+rw", 0, False, 0o660),
        ("uu+x", 0, False, 0o100),
        ("u+", 0o640, False, 0o640),
    ],
)
def test_modes_apply(text: str, old: int, is_dir: bool, new: int) -> None:
    assert oct(parse_mode(text).apply(old, is_dir)) == oct(new)


@pytest.mark.parametrize("text", ["", "x", "u", "u+q", "u+x,", ",u+x", "8", "10000", "0o7", "²", "-rw x", "u:x"])
def test_what_is_no_mode(text: str) -> None:
    with pytest.raises(ValueError, match="invalid chmod parameter"):
        parse_mode(text)


parts = st.tuples(
    st.sampled_from(["u", "g", "o", "a", "ug", "go"]),
    st.lists(st.sampled_from(["+r", "-w", "=rx", "+x", "=", "-rwx", "=rw", "=u", "+g", "-o"]), min_size=1, max_size=2),
).map(lambda found: found[0] + "".join(found[1]))


@given(st.lists(parts, min_size=1, max_size=4).map(",".join), st.integers(0, 0o777))
def test_symbolic_modes_never_leave_the_permission_bits(text: str, old: int) -> None:
    assert 0 <= parse_mode(text).apply(old, False) <= 0o777


def test_agrees_with_chmod(tmp_path: Path) -> None:
    cases = [
        (text, old)
        for text in (
            "u+rw",
            "go-rwx",
            "a=rx",
            "u=g,o=u",
            "g=o",
            "u-x+w",
            "go=u-w",
            "+x",
            "=rw",
            "ug=rwx,o=",
            "a+X",
            "u=rwX",
        )
        for old in (0o000, 0o644, 0o755, 0o640, 0o111, 0o070)
    ]
    for number, (_, old) in enumerate(cases):
        path = tmp_path / str(number)
        path.touch()
        path.chmod(old)
    script = "umask 0\n" + "\n".join(f"chmod -- {text} {number}" for number, (text, _) in enumerate(cases))
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True)
    for number, (text, old) in enumerate(cases):
        assert (text, oct(old), oct(parse_mode(text).apply(old, False))) == (
            text, oct(old), oct((tmp_path / str(number)).stat().st_mode & 0o7777),
        )  # fmt: skip
