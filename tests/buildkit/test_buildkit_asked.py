"""What a front end is sent of a directory when it names paths to follow."""

from __future__ import annotations

import pytest

from bake.engine.buildkit.asked import Asked, narrowed
from bake.engine.buildkit.sent import Sent, SentFile
from bake.plan.tree import Entry

LINKS = {"file": "d/one", "dir": "/d", "round": "e/../dir/two", "a": "b", "b": "a", "d/up": "../../round"}
FILES = ("d/one", "d/two", "e/three")


def sent_for(path: str) -> list[str]:
    entries = {name: Entry("d", 0o755) for name in ("d", "e")} | {name: Entry("f", 0o644) for name in FILES}
    entries |= {name: Entry("l", 0o777, link=to) for name, to in LINKS.items()}
    files = tuple(SentFile(name, entries[name]) for name in sorted(entries))
    return [file.path for file in narrowed(Sent("context", files), Asked(follow=(path,))).files]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("e/three", ["e", "e/three"]),
        ("file", ["d", "d/one", "file"]),
        ("dir/two", ["d", "d/two", "dir"]),
        ("dir/o*", ["d", "d/one", "dir"]),
        ("d/../e/three", ["e", "e/three"]),
        ("round", ["d", "d/two", "dir", "round"]),
        ("dir/up", ["d", "d/two", "d/up", "dir", "round"]),
        ("a", ["a", "b"]),
        ("none", []),
    ],
)
def test_a_path_comes_with_the_links_on_its_way(path: str, expected: list[str]) -> None:
    assert sent_for(path) == expected
