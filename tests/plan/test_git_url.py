"""Git URLs in both forms (reference/dockerfile.md §8.7)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.plan.git_url import is_git_context, is_git_url, parse_git_url
from bake.plan.step import GitOp

HASH = "0123456789abcdef0123456789abcdef01234567"
BASE = "https://h.example/a.git"


@pytest.mark.parametrize(
    "text",
    [
        BASE, f"{BASE}#main", f"{BASE}#main:sub", f"{BASE}?ref=x", "http://h/a/b.git", "git://h/a", "git://h/a.git#v1",
        "ssh://git@h/a", "git@h.example:a/b.git", "git@h.example:a/b#main:d", "me@h:a", "https://u:p@h/a.git",
    ],
)  # fmt: skip
def test_what_is_a_git_url(text: str) -> None:
    assert is_git_url(text)


@pytest.mark.parametrize(
    "text",
    ["https://h/a", "https://h/a.git.tar", "https://h/a?x=b.git", "github.com/a/b", "file:///a.git", "a.git", "./a.git",
     "ext::sh -c x", "/srv/a.git", "h:a.git", "C:/a.git"],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    assert not is_git_url(text)


def test_only_a_context_may_leave_out_the_scheme() -> None:
    assert is_git_context("github.com/a/b#main:d")
    assert parse_git_url("github.com/a/b#main:d") == GitOp("https://github.com/a/b", "main", "d")


@pytest.mark.parametrize(
    ("suffix", "wanted"),
    [
        ("", GitOp(BASE)),
        ("#main", GitOp(BASE, "main")),
        ("#:sub/dir/", GitOp(BASE, "", "sub/dir")),
        ("#main:/sub", GitOp(BASE, "main", "sub")),
        ("#main:../../x", GitOp(BASE, "main", "x")),
        (f"#{HASH}", GitOp(BASE, HASH)),
        ("?ref=main&subdir=d", GitOp(BASE, "main", "d")),
        ("?tag=v1", GitOp(BASE, "refs/tags/v1")),
        ("?branch=b", GitOp(BASE, "refs/heads/b")),
        (f"?commit={HASH}", GitOp(BASE, HASH, checksum=HASH)),
        (f"?branch=b&checksum={HASH}", GitOp(BASE, "refs/heads/b", checksum=HASH)),
        (f"?commit={HASH}&fetch-by-commit=true", GitOp(BASE, HASH, checksum=HASH)),
        ("?keep-git-dir=true", GitOp(BASE, keep_git_dir=True)),
        ("?keep-git-dir=1&submodules=0", GitOp(BASE, keep_git_dir=True, submodules=False)),
        ("?mtime=commit", GitOp(BASE)),
        ("?ref=main#main", GitOp(BASE, "main")),
    ],
)
def test_both_forms(suffix: str, wanted: GitOp) -> None:
    assert parse_git_url(BASE + suffix) == wanted


@pytest.mark.parametrize(
    ("suffix", "problem"),
    [
        ("?colour=red", 'unexpected query "colour"'),
        ("?ref=a#b", 'ref conflicts: "b" vs "a"'),
        ("?ref=a&tag=b", 'ref conflicts: "a" vs "refs/tags/b"'),
        ("?tag=a&branch=b", "branch conflicts with tag"),
        ("?subdir=a#:b", 'subdir conflicts: "b" vs "a"'),
        ("?checksum=xyz", "invalid checksum: xyz"),
        (f"?checksum=abcd12&commit={HASH}", "checksum conflicts"),
        ("?submodules=maybe", "invalid submodules: maybe"),
        ("?mtime=now", "invalid mtime: now"),
        ("?fetch-by-commit=1&checksum=abcd", "fetch-by-commit needs a whole commit id"),
        ("?ref=a&ref=b", 'query "ref" is given twice'),
        ("#a%0ab\n", "no git URL has"),
    ],
)
def test_what_contradicts_itself(suffix: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem.replace("(", "\\(")):
        parse_git_url(BASE + suffix)


def test_flags_of_the_instruction() -> None:
    assert parse_git_url(BASE, True, HASH) == GitOp(BASE, HASH, keep_git_dir=True, checksum=HASH)
    assert parse_git_url(f"{BASE}?keep-git-dir=true", None).keep_git_dir
    with pytest.raises(ValueError, match="inconsistent keep-git-dir configuration"):
        parse_git_url(f"{BASE}?keep-git-dir=true", False)


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        op = parse_git_url(f"git://h/{text}")
    except ValueError:
        return
    assert not op.subdir.startswith(("/", ".."))
    assert ".." not in op.subdir.split("/")
