"""Catalogs as bytes: the same again, small, and nothing but catalogs gets in."""

from __future__ import annotations

import msgspec
import pytest
from catalogs import FOREST, KEYS, catalogs, hexes
from hypothesis import given
from hypothesis import strategies as st
from zstandard import ZstdCompressor, ZstdDecompressor

from bake.plan.tree import SCRATCH, state_of_digest
from bake.remote import coding
from bake.remote.artifact import descriptor_of
from bake.remote.catalog import Blob, CachedState, Catalog, Known, narrowed
from bake.remote.coding import BadCatalog, decode, decode_parts, encode, encode_parts


@given(catalogs())
def test_bytes_and_back(catalog: Catalog) -> None:
    data = encode(catalog)
    found = decode(data)
    assert (found.records, found.states, found.slots) == (catalog.records, catalog.states, catalog.slots)
    assert found.selections == catalog.selections
    assert encode(found) == data
    assert decode_parts(encode_parts(catalog.parts)) == catalog.parts


def test_a_thousand_steps_take_some_hundred_bytes_each() -> None:
    """What is random in a result: a key, a listing, a diff id, a blob; 32 bytes each."""
    states, records = {}, {}
    for number in range(1000):
        row = CachedState(
            next(iter(FOREST)), hexes("l", number), number, number * 1.5, f"sha256:{hexes('d', number)}",
            (Blob(f"sha256:{hexes('b', number)}", "application/vnd.oci.image.layer.v1.tar+gzip", 9, ("/team/app",)),),
        )  # fmt: skip
        state = state_of_digest(row.parent, row.listing)
        states[state] = row
        records[hexes("k", number)] = Known(state, number * 1.5, 0.25, 1_700_000_000)
    assert len(encode(Catalog(records, states))) / 1000 < 190


@given(st.binary(max_size=200))
def test_noise_is_no_catalog(data: bytes) -> None:
    for function in (decode, decode_parts):
        with pytest.raises(BadCatalog):
            function(data)
        with pytest.raises(BadCatalog):
            function(ZstdCompressor().compress(b"\xc1" + data))


@given(catalogs(), st.data())
def test_a_changed_byte_gives_an_error_or_a_catalog_that_is_whole(catalog: Catalog, data: st.DataObject) -> None:
    plain = bytearray(ZstdDecompressor().decompress(encode(catalog)))
    at = data.draw(st.integers(0, len(plain) - 1))
    plain[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = decode(ZstdCompressor().compress(bytes(plain)))
    except BadCatalog:
        return
    assert all(known.state in found.states for known in found.records.values())
    assert narrowed(found, found.records).records == found.records


def test_a_bomb_ends_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coding, "LIMIT", 1 << 20)
    bomb = ZstdCompressor().compress(bytes(1 << 26))
    assert len(bomb) < 1 << 14
    with pytest.raises(BadCatalog, match="unpacks to more than"):
        decode(bomb)


def wire(**changes: object) -> bytes:
    """A catalog of one record, changed."""
    archive = (bytes.fromhex(hexes("b", 0)), 0, 10, (1,), ())
    row: dict[str, object] = {
        "version": 1, "texts": ("t", ""), "bases": (b"",),
        "states": ((-1, bytes.fromhex(hexes("l", 0)), 1, 1.0, bytes.fromhex(hexes("d", 0)), (archive,)),),
        "records": ((bytes.fromhex(KEYS[0]), 0, 1.0, 1.0, 5),), "selections": (), "slots": (),
    }  # fmt: skip
    return ZstdCompressor().compress(msgspec.msgpack.encode(list({**row, **changes}.values())))


LISTING, DIFF = bytes.fromhex(hexes("l", 0)), bytes.fromhex(hexes("d", 0))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"texts": ()},
        {"bases": ()},
        {"bases": (b"short",)},
        {"states": ((0, LISTING, 1, 1.0, b"", ()),)},  # on itself
        {"states": ((5, LISTING, 1, 1.0, b"", ()),)},
        {"states": ((-1, b"x", 1, 1.0, b"", ()),)},
        {"states": ((-1, LISTING, -1, 1.0, b"", ()),)},
        {"states": ((-1, LISTING, 1, 1.0, DIFF, ()),)},
        {"states": ((-1, LISTING, 1, 1.0, b"", ((DIFF, 0, 10, (), ()),)),)},
        {"states": ((-1, LISTING, 1, 1.0, DIFF, ((DIFF, 0, 0, (), ()),)),)},
        {"states": ((-1, LISTING, 1, 1.0, DIFF, ((DIFF, -1, 10, (), ()),)),)},
        {"records": ((DIFF, 0, float("nan"), 1.0, 5),)},
        {"states": ((-1, LISTING, 1, float("inf"), b"", ()),)},
        {"records": ((b"k", 0, 1.0, 1.0, 5),)},
        {"records": ((DIFF, 1, 1.0, 1.0, 5),)},
        {"records": ((DIFF, -1, 1.0, 1.0, 5),)},
        {"selections": ((0, 9, DIFF),)},
        {"slots": ((0, 3, 1),)},
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object]) -> None:
    assert len(decode(wire()).records) == 1
    with pytest.raises(BadCatalog):
        decode(wire(**changes))


def test_a_later_version_is_told_from_damage() -> None:
    with pytest.raises(BadCatalog) as caught:
        decode(wire(version=2))
    assert caught.value.newer


def test_what_is_noted_on_an_archive_cannot_reach_a_manifest() -> None:
    """Only the level of compression counts, as a number; anything else would be published with the image."""
    notes = (("bake.compression-level", "9"), ("org.opencontainers.image.title", "x"))
    assert descriptor_of(Blob("sha256:" + "0" * 64, "t", 1, (), notes)).annotations == {"bake.compression-level": "9"}
    for value in ("abc", "-1", "999999999999", ""):
        noted = Blob("sha256:" + "0" * 64, "t", 1, (), (("bake.compression-level", value),))
        assert descriptor_of(noted).annotations is None


def test_a_state_is_named_by_what_it_holds() -> None:
    """A catalog cannot give a state another name: it has no place for one."""
    (name,) = decode(wire()).states
    assert name == state_of_digest(SCRATCH, hexes("l", 0))
