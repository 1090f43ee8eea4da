"""What the files of a large spec said when they were read last, so that those unchanged are not parsed again.

One small file a workspace, in the cache directory of the user: digest of a text → its TOML as data. It can be deleted
at any time, and is not trusted: what has no right checksum counts as not there. Texts that speak of sensitive values
are left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from bake.spec.document import Number

WORTH_IT = 64 * 1024
"""Characters of a whole workspace below which parsing costs next to nothing, so that nothing is kept."""
_MAGIC = b"bake parsed 1\n"
_LARGEST = 64 * 1024 * 1024
_KEPT = 50
"""Workspaces; of more, those written longest ago go."""
_SUM = 32
_NUMBER = 1


class Parsed:
    """What is kept of the workspace whose root file is at `root`. Raises nothing; without it bake is slower."""

    def __init__(self, environment: Mapping[str, str], root: str) -> None:
        home = environment.get("XDG_CACHE_HOME") or os.path.join(environment.get("HOME") or "/nonexistent", ".cache")
        self._path = Path(home, "bake", "specs", _digest(os.path.realpath(root)).hex()[:_SUM])
        self._rows = _rows(self._path)

    def data(self, text: str) -> dict[str, Any] | None:
        """The TOML of exactly that text, when it is known."""
        row = self._rows.get(_digest(text)) if self._rows else None
        return None if row is None else _DECODER.decode(row)

    def keep(self, files: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """From now on these texts are known, and no others. Nothing is written when they are already, or are few."""
        rows: dict[bytes, bytes] = {}
        found = list(files)
        if sum(len(text) for text, _ in found) < WORTH_IT:
            return
        for text, data in found:
            digest = _digest(text)
            if digest in self._rows:
                rows[digest] = self._rows[digest]
            elif "sensitive" not in text and _is_plain(data):
                rows[digest] = _ENCODER.encode(data)
        if rows.keys() - self._rows.keys():
            with suppress(OSError):
                _write(self._path, rows)


def _digest(text: str) -> bytes:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=_SUM).digest()


def _rows(path: Path) -> dict[bytes, bytes]:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST)
        head = len(_MAGIC) + _SUM
        payload = memoryview(content)[head:]
        if content[:head] == _MAGIC + blake2b(payload, digest_size=_SUM).digest():
            return msgspec.msgpack.decode(payload, type=dict[bytes, bytes])
    except (OSError, ValueError, msgspec.MsgspecError):
        pass
    return {}


def _write(path: Path, rows: dict[bytes, bytes]) -> None:
    """In one move, so that a reader sees all of it or what was there before."""
    import tempfile

    payload = msgspec.msgpack.encode(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + blake2b(payload, digest_size=_SUM).digest() + payload)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise
    _drop_oldest(path.parent)


def _drop_oldest(directory: Path) -> None:
    rows = sorted(os.scandir(directory), key=lambda row: -row.stat().st_mtime)
    for row in rows[_KEPT:]:
        os.unlink(row.path)


def _is_plain(data: object) -> bool:
    """Whether it comes back as it was: dates would not (no key takes one), nor would very large numbers."""
    for value in _leaves(data):
        if not isinstance(value, str | bool | int | Number) or (isinstance(value, int) and abs(value) >= 2**63):
            return False
    return True


def _leaves(data: object) -> Iterator[object]:
    todo = [data]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, list):
            todo += value
        else:
            yield value


def _encoded(value: Any) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(_NUMBER, value.text.encode())


def _decoded(_code: int, data: memoryview) -> Number:
    return Number(bytes(data).decode())


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_encoded)
_DECODER = msgspec.msgpack.Decoder(dict[str, Any], ext_hook=_decoded)
