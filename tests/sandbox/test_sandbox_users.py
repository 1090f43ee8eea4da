"""USER by BuildKit's rules (dockerfile.md §7.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.sandbox.users import Identity, UnknownUser, identify

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1::/usr/sbin:
bob:x:1001:1002::/home/bob:/bin/sh

  spaced:x:5:6::/s:/bin/sh
twin:x:1001:7::/home/twin:/bin/sh
broken:x:abc:0::/:
short:x:9
"""
GROUP = """\
root:x:0:
daemon:x:1:bob,daemon
bob:x:1002:
team:x:1003:alice,bob
broken:x:abc:bob
"""


@pytest.mark.parametrize(
    ("user", "uid", "gid", "groups", "home"),
    [
        ("", 0, 0, (0,), "/root"),
        ("root", 0, 0, (0,), "/root"),
        ("bob", 1001, 1002, (1002, 1, 1003), "/home/bob"),
        ("1001", 1001, 1002, (1002, 1, 1003), "/home/bob"),
        ("twin", 1001, 7, (7,), "/home/bob"),
        ("bob:team", 1001, 1003, (1003,), "/home/bob"),
        ("bob:1003", 1001, 1003, (1003,), "/home/bob"),
        ("bob:4444", 1001, 4444, (4444,), "/home/bob"),
        ("bob:", 1001, 1002, (1002, 1, 1003), "/home/bob"),
        (":team", 0, 1003, (1003,), "/root"),
        ("1001:5", 1001, 5, (5,), "/home/bob"),
        ("root:root", 0, 0, (0,), "/root"),
        ("root:5", 0, 5, (5,), "/root"),
        ("4242", 4242, 0, (0,), "/"),
        ("spaced", 5, 6, (6,), "/s"),
        ("short", 9, 0, (0,), "/"),
        ("daemon", 1, 1, (1,), "/usr/sbin"),
    ],
)
def test_identities(user: str, uid: int, gid: int, groups: tuple[int, ...], home: str) -> None:
    assert identify(user, PASSWD, GROUP) == Identity(uid, gid, groups, home)


@pytest.mark.parametrize("user", ["", "0", "root:root", "0:0"])
def test_without_files_root_is_there(user: str) -> None:
    assert identify(user, "", "") == Identity(0, 0, (0,), "/")


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("alice", "unable to find user alice: no matching entries in passwd file"),
        ("broken", "unable to find user broken: no matching entries in passwd file"),
        ("bob:nobody", "unable to find group nobody: no matching entries in group file"),
        ("bob:broken", "unable to find group broken: no matching entries in group file"),
        ("-1", "uids and gids must be in range 0-2147483647"),
        ("4294967295", "uids and gids must be in range 0-2147483647"),
        ("bob:-1", "uids and gids must be in range 0-2147483647"),
    ],
)
def test_unknown(user: str, message: str) -> None:
    with pytest.raises(UnknownUser, match=f"^{message}$"):
        identify(user, PASSWD, GROUP)


@given(st.text(), st.text(), st.text())
def test_any_text_gives_an_identity_or_a_reason(user: str, passwd: str, group: str) -> None:
    try:
        found = identify(user, passwd, group)
    except UnknownUser as error:
        assert str(error)
    else:
        assert found.groups[0] == found.gid and found.home


@given(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))
def test_numbers_need_no_files(uid: int, gid: int) -> None:
    assert identify(f"{uid}:{gid}", "", "") == Identity(uid, gid, (gid,), "/")
