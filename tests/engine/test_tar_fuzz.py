"""Damaged and forged archives: an error that is data, never a crash, never a file outside."""

from __future__ import annotations

import os
import random
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tars import COMPRESSIONS, directory, hard_link, member, symlink, tar

from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.draft import Draft
from bake.engine.embedded.stack import Stack
from bake.engine.embedded.unpack import unpack_into
from bake.errors import BakeError

_GOOD = tar(
    [
        directory("d"), member("d/f", b"data" * 200), symlink("l", "d"), hard_link("h", "d/f"),
        member("p" * 150, b"x", pax_headers={"SCHILY.xattr.user.a": "b", "mtime": "12.5"}),
        member("dev", kind=tarfile.CHRTYPE, devmajor=1, devminor=3), member("l/through", b"y"),
    ]
)  # fmt: skip


def unpack(data: bytes) -> list[str] | str:
    """Paths of the listing, or the error's code."""
    may = Ownership("root" if os.geteuid() == 0 else "none")
    with tempfile.TemporaryDirectory() as top:
        (Path(top) / "fs").mkdir()
        (Path(top) / "archive").write_bytes(data)
        with Stack((), may) as lower, Draft(f"{top}/fs", lower, may) as draft, open(f"{top}/archive", "rb") as file:
            try:
                unpack_into(draft, lambda: "", file.fileno(), None, lambda: None)
                return list(draft.finish())
            except BakeError as error:
                return error.diagnostics[0].code
            finally:
                assert sorted(os.listdir(top)) == ["archive", "fs"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(_GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6), st.booleans())
def test_flipped_bytes(flips: list[tuple[int, int]], mend: bool) -> None:
    data = bytearray(_GOOD)
    for at, value in flips:
        data[at] = value
    if mend:  # right checksums let the damage through to the fields
        for start in range(0, len(data), 512):
            if data[start + 257 : start + 262] == b"ustar":
                data[start + 148 : start + 156] = b" " * 8
                data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
    result = unpack(bytes(data))
    assert isinstance(result, list) or result in ("bad-archive", "unsafe-archive", "too-many-links", "path-too-long")


@pytest.mark.parametrize("form", [form for form in COMPRESSIONS if form != "plain"])
def test_damaged_streams(form: str) -> None:
    """Cut off, flipped and doubled bytes in each compression: unpacked, copied as the file it is, or refused."""
    whole = COMPRESSIONS[form](_GOOD)
    chance = random.Random(form)
    codes: set[str] = set()
    for _ in range(120):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at:]
                    data += b"\0" * chance.randrange(3)
                case 2:
                    data[at:at] = data[chance.randrange(len(data)) :][: chance.randrange(1, 40)]
                case _:
                    data += whole[: chance.randrange(len(whole))]
        result = unpack(bytes(data))
        codes.add("fine" if isinstance(result, list) else result)
    assert codes <= {"fine", "bad-archive", "unsafe-archive", "too-many-links", "path-too-long"}


def test_any_bytes() -> None:
    """Magic numbers of all forms, and nothing good behind them."""
    chance = random.Random(7)
    for magic in (b"", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"):
        for size in (0, 1, 20, 511, 512, 1024, 5000):
            result = unpack(magic + chance.randbytes(size))
            assert result in ("bad-archive", "unsafe-archive", []), (magic, size, result)


def _header(**fields: object) -> bytes:
    return member("x", **fields)[0].tobuf(tarfile.GNU_FORMAT)  # type: ignore[arg-type]


def test_headers_that_lie() -> None:
    assert unpack(_header(size=1 << 60)) == "unsafe-archive"
    assert unpack(_header(size=5000)) == "bad-archive"
    assert unpack(tar([member("a", b"ok")])[:1024] + _header(kind=b"x", size=1 << 33)) == "bad-archive"
    assert unpack(tar([member("a", b"ok")])[:1024] + _header(kind=b"L", size=1 << 33)) == "bad-archive"
    extended = tar([member("y" * 120, b"")])[:1024]
    assert unpack(tar([member("a", b"")])[:512] + extended * 2000) == "bad-archive"
    forged = {"uid": "99999999999999", "mtime": "9" * 40, "size": "-5"}
    for name, value in forged.items():
        result = unpack(tar([member("a", b"", pax_headers={name: value})]))
        assert result in ("bad-archive", "unsafe-archive", [], ["a"]), name
