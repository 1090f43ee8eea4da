"""A catalog as bytes: what a reader always needs in one blob, what only explains misses in another.

A fresh machine downloads the first one for every build, so digests are raw bytes and states are named by their number.
The bytes come from outside: everything is bounded and checked, and what does not fit is an error, never half a catalog.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from bake.oci.digest import is_digest
from bake.plan.key import Parts
from bake.plan.tree import SCRATCH, StateId, state_of_digest
from bake.remote.catalog import Blob, CachedState, Catalog, Known, Visit

T = TypeVar("T")

LIMIT = 64 << 20
"""Bytes of a blob when it is unpacked; a bomb ends here."""
PACKED_LIMIT = 16 << 20
"""Bytes of a blob as it is sent."""
VERSION = 1
_LATEST = 1e11


class BadCatalog(ValueError):
    """The bytes are no catalog that this version reads; the message tells why. `newer`: a later version's."""

    def __init__(self, message: str, newer: bool = False) -> None:
        super().__init__(message)
        self.newer = newer


class _Archive(msgspec.Struct, frozen=True, array_like=True):
    digest: bytes
    media_type: int
    size: int
    sources: tuple[int, ...]
    annotations: tuple[tuple[int, int], ...]


class _State(msgspec.Struct, frozen=True, array_like=True):
    """`parent`: position of a state before this one, or -1 - position in `bases`."""

    parent: int
    listing: bytes
    size: int
    created: float
    diff_id: bytes
    archives: tuple[_Archive, ...]
    times: bytes = b""


class _Record(msgspec.Struct, frozen=True, array_like=True):
    key: bytes
    state: int
    created: float
    duration: float
    used: int


class _Wire(msgspec.Struct, frozen=True, array_like=True):
    """`bases` are states of images, an empty one is SCRATCH; `texts` are media types, sources, selectors and slots."""

    version: int
    texts: tuple[str, ...]
    bases: tuple[bytes, ...]
    states: tuple[_State, ...]
    records: tuple[_Record, ...]
    selections: tuple[tuple[int, int, bytes], ...]
    slots: tuple[tuple[int, int, int], ...]


_wire = msgspec.msgpack.Decoder(_Wire)
_parts = msgspec.msgpack.Decoder(list[tuple[bytes, list[tuple[bytes, bytes]]]])


def encode(catalog: Catalog) -> bytes:
    """Everything but the parts. Equal catalogs have equal bytes."""
    return _compress(msgspec.msgpack.encode(_Writer(catalog).wire()))


def decode(data: bytes) -> Catalog:
    """Raises BadCatalog."""
    try:
        wire = _wire.decode(_decompress(data))
        if wire.version != VERSION:
            raise BadCatalog(f"it has the version {wire.version}, this bake reads {VERSION}", newer=True)
        return _Reader(wire).catalog()
    except (msgspec.MsgspecError, IndexError, UnicodeDecodeError, RecursionError) as error:
        raise BadCatalog(f"it is damaged: {error}") from None


def encode_parts(parts: Mapping[str, Parts]) -> bytes:
    """Key → parts."""
    rows = [(bytes.fromhex(key), [(_raw(n), _raw(v)) for n, v in sorted(parts[key].items())]) for key in sorted(parts)]
    return _compress(msgspec.msgpack.encode(rows))


def decode_parts(data: bytes) -> dict[str, Parts]:
    """Raises BadCatalog."""
    try:
        rows = _parts.decode(_decompress(data))
    except msgspec.MsgspecError as error:
        raise BadCatalog(f"it is damaged: {error}") from None
    return {_hex(key): {_text(n): _text(v) for n, v in pairs} for key, pairs in rows}


class _Writer:
    """Gives numbers to what is named often."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._texts: dict[str, int] = {}
        self._bases: dict[bytes, int] = {}
        self._order = {state: at for at, state in enumerate(_bottom_up(catalog))}

    def wire(self) -> _Wire:
        catalog, order = self._catalog, self._order
        keys = {key: at for at, key in enumerate(sorted(k for k, v in catalog.records.items() if v.state in order))}
        states = tuple(self._state(catalog.states[state]) for state in order)
        records = tuple(self._record(key, catalog.records[key]) for key in keys)
        selections = tuple(
            (order[state], self._text(selector), bytes.fromhex(digest))
            for (state, selector), digest in sorted(catalog.selections.items())
            if state in order
        )
        slots = tuple(
            (self._text(slot), keys[visit.key], visit.when)
            for slot, visit in sorted(catalog.slots.items())
            if visit.key in keys
        )
        return _Wire(VERSION, tuple(self._texts), tuple(self._bases), states, records, selections, slots)

    def _state(self, state: CachedState) -> _State:
        parent = self._order.get(state.parent)
        if parent is None:
            base = b"" if state.parent == SCRATCH else bytes.fromhex(state.parent)
            parent = -1 - self._bases.setdefault(base, len(self._bases))
        archives = tuple(
            _Archive(
                _bare(b.digest),
                self._text(b.media_type),
                b.size,
                tuple(map(self._text, b.sources)),
                tuple((self._text(name), self._text(value)) for name, value in b.annotations),
            )
            for b in state.blobs
        )
        listing = bytes.fromhex(state.listing)
        return _State(parent, listing, state.size, state.created, _bare(state.diff_id), archives, state.times)

    def _record(self, key: str, known: Known) -> _Record:
        return _Record(bytes.fromhex(key), self._order[known.state], known.created, known.duration, known.used)

    def _text(self, text: str) -> int:
        return self._texts.setdefault(text, len(self._texts))


class _Reader:
    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        self._states: list[StateId] = []

    def catalog(self) -> Catalog:
        wire = self._wire
        states = {}
        for row in wire.states:
            state = self._state(row)
            name = state_of_digest(state.parent, state.listing)  # never what the bytes might say of themselves
            self._states.append(name)
            states[name] = state
        keys = [_hex(row.key) for row in wire.records]
        records = {
            key: Known(self._at(row.state), _time(row.created), _time(row.duration), row.used)
            for key, row in zip(keys, wire.records, strict=True)
        }
        selections = {(self._at(s), self._text(t)): _hex(digest) for s, t, digest in wire.selections}
        slots = {self._text(t): Visit(when, _item(keys, k)) for t, k, when in wire.slots}
        return Catalog(records, states, selections, slots)

    def _state(self, row: _State) -> CachedState:
        parent = self._base(-1 - row.parent) if row.parent < 0 else self._at(row.parent)
        if row.size < 0:
            raise BadCatalog("a layer in it has a negative size")
        blobs = tuple(sorted(map(self._blob, row.archives)))
        diff_id = f"sha256:{_hex(row.diff_id)}" if row.diff_id else ""
        if bool(diff_id) != bool(blobs):
            raise BadCatalog("a layer in it has an archive but no diff id, or the reverse")
        return CachedState(parent, _hex(row.listing), row.size, _time(row.created), diff_id, blobs, row.times)

    def _blob(self, row: _Archive) -> Blob:
        digest = f"sha256:{_hex(row.digest)}"
        if not is_digest(digest) or row.size <= 0:
            raise BadCatalog("an archive in it has no size")
        sources = tuple(sorted(map(self._text, row.sources)))
        notes = tuple(sorted((self._text(name), self._text(value)) for name, value in row.annotations))
        return Blob(digest, self._text(row.media_type), row.size, sources, notes)

    def _base(self, number: int) -> StateId:
        base = _item(self._wire.bases, number)
        return StateId(_hex(base)) if base else SCRATCH

    def _at(self, number: int) -> StateId:
        return _item(self._states, number)

    def _text(self, number: int) -> str:
        return _item(self._wire.texts, number)


def _item(rows: Sequence[T], number: int) -> T:
    if number < 0:
        raise IndexError("a position in it is negative")
    return rows[number]


def _bottom_up(catalog: Catalog) -> Iterable[StateId]:
    """States with their parents before them, else in the order of their names."""
    done: dict[StateId, None] = {}
    for state in sorted(catalog.states):
        path = []
        while state in catalog.states and state not in done and state not in path:
            path.append(state)
            state = catalog.states[state].parent
        done.update(dict.fromkeys(reversed(path)))
    return done


def _time(seconds: float) -> float:
    """A time that any clock and calendar can tell."""
    if not 0 <= seconds < _LATEST:
        raise BadCatalog(f"a time in it is {seconds}")
    return seconds


def _hex(data: bytes) -> str:
    if len(data) != 32:
        raise BadCatalog(f"a digest in it has {len(data)} bytes")
    return data.hex()


def _bare(digest: str) -> bytes:
    return bytes.fromhex(digest.partition(":")[2])


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _compress(data: bytes) -> bytes:
    from zstandard import ZstdCompressor

    return ZstdCompressor(level=12).compress(data)


def _decompress(data: bytes) -> bytes:
    from zstandard import ZstdDecompressor, ZstdError

    try:
        with ZstdDecompressor().stream_reader(data) as stream:
            found = stream.read(LIMIT + 1)
    except ZstdError as error:
        raise BadCatalog(f"it is damaged: {error}") from None
    if len(found) > LIMIT:
        raise BadCatalog(f"it unpacks to more than {LIMIT} bytes")
    return found
