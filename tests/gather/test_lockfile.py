"""bake.lock as text: read with positions, written in a stable order, comments kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.errors import InputError, Source
from bake.gather.lock_text import lock_text
from bake.gather.lockfile import Lock, parse_lock
from bake.gather.pins import name_of_url
from bake.plan.step import HttpOp

ONE, TWO = ("sha256:" + digit * 64 for digit in "12")
COMMIT = "c" * 40
LOCK = Lock(
    {
        ("url", "https://h.example/b"): {"digest": ONE},
        ("image", "docker.io/library/z:1"): {"digest": ONE, "linux/arm64/v8": TWO, "linux/amd64": ONE},
        ("image", "docker.io/library/a:1"): {"digest": TWO},
        ("git", "https://h.example/r.git#main"): {"commit": COMMIT},
    }
)


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_entries_stand_by_kind_and_name() -> None:
    assert lines(lock_text(LOCK)) == [
        "version = 1",
        '[image."docker.io/library/a:1"]',
        f'digest = "{TWO}"',
        '[image."docker.io/library/z:1"]',
        f'digest = "{ONE}"',
        f'"linux/amd64" = "{ONE}"',
        f'"linux/arm64/v8" = "{TWO}"',
        '[git."https://h.example/r.git#main"]',
        f'commit = "{COMMIT}"',
        '[url."https://h.example/b"]',
        f'digest = "{ONE}"',
    ]


def test_comments_stay_with_what_they_are_about() -> None:
    old = f'''# ours
version = 1

# why z
[image."docker.io/library/z:1"] # the base
# today's
digest = "{ONE}" # first
"linux/amd64" = "{ONE}"
# at the end

# of what goes
[url."https://h.example/gone"]
digest = "{ONE}"
'''
    lock = parse_lock(Source("bake.lock", old))
    assert lock_text(lock, old).replace("\n\n", "\n") == old.replace("\n\n", "\n")  # nothing to do: as it was
    new = Lock(
        {
            ("image", "docker.io/library/z:1"): {"digest": TWO, "linux/amd64": TWO, "linux/arm64": TWO},
            ("image", "docker.io/library/a:1"): {"digest": TWO},
        }
    )
    assert (
        lock_text(new, old)
        == f'''# ours
version = 1

[image."docker.io/library/a:1"]
digest = "{TWO}"

# why z
[image."docker.io/library/z:1"] # the base
# today's
digest = "{TWO}" # first
"linux/amd64" = "{TWO}"
"linux/arm64" = "{TWO}"
# at the end
'''
    )


names = st.text(min_size=1).filter(lambda text: max(text) < "\ud800" or min(text) > "\udfff")
digests = st.from_regex(r"\Asha256:[0-9a-f]{64}\Z")
platforms = st.dictionaries(st.sampled_from(["linux/amd64", "linux/arm64", "linux/arm/v7"]), digests)
images = st.builds(lambda digest, rows: {"digest": digest, **rows}, digests, platforms)
entries = st.one_of(
    st.tuples(st.tuples(st.just("image"), names), images),
    st.tuples(st.tuples(st.just("url"), names), st.builds(lambda digest: {"digest": digest}, digests)),
)
locks = st.lists(entries).map(lambda rows: Lock(dict(rows)))


@given(locks, locks)
def test_what_is_written_is_read_back_and_written_alike(one: Lock, two: Lock) -> None:
    text = lock_text(one)
    assert parse_lock(Source("bake.lock", text)) == one
    assert lock_text(one, text) == text
    renewed = lock_text(two, text)
    assert parse_lock(Source("bake.lock", renewed)) == two


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("version = 1\n<<<<<<< HEAD\n", "bad-lock", 2, 1),
        ("", "lock-version", 1, 1),
        ("version = 2\n", "lock-version", 1, 11),
        ("version = 1\n[images.x]\n", "bad-lock", 2, 2),
        ("version = 1\nimage = 3\n", "bad-lock", 2, 9),
        ("version = 1\n[image.x]\n", "bad-lock", 2, 1),
        ("version = 1\n[image.x]\ndigest = 'sha256:12'\n", "bad-lock", 3, 10),
        (f"version = 1\n[image.x]\ndigest = '{ONE}'\nsize = '3'\n", "bad-lock", 4, 1),
        (f"version = 1\n[git.x]\ncommit = '{ONE}'\n", "bad-lock", 3, 10),
    ],
)
def test_what_is_wrong_is_shown_where_it_is(text: str, code: str, line: int, column: int) -> None:
    with pytest.raises(InputError) as raised:
        parse_lock(Source("bake.lock", text))
    (found,) = raised.value.diagnostics
    assert found.span is not None
    assert (found.code, found.span.line, found.span.column) == (code, line, column)


def test_no_password_gets_into_the_lock() -> None:
    assert name_of_url(HttpOp("https://me:secret@h.example/a@b", "a")) == ("url", "https://h.example/a@b")
    assert name_of_url(HttpOp("https://h.example/a@b:c", "a")) == ("url", "https://h.example/a@b:c")
