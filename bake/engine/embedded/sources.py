"""Where a COPY's bytes come from: one small reader a kind of source."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from typing import Protocol

import msgspec

from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.cursor import Cursor
from bake.engine.embedded.selection import HostFiles, OneFile, Source, States, Written
from bake.engine.embedded.stack import Stack
from bake.errors import Diagnostic, StepError
from bake.plan.select import Item
from bake.plan.tree import Stamp


class Reader(Protocol):
    """Opens what a selection names."""

    @contextmanager
    def open(self, item: Item) -> Iterator[int]:
        """The regular file of `item`, read from its start. Raises StepError when it is not what was selected."""

    def close(self) -> None: ...


def open_source(source: Source, may: Ownership) -> Reader:
    """The reader of a source; the caller closes it."""
    match source:
        case States():
            return _StateReader(source, may)
        case HostFiles():
            return _HostReader(source)
        case Written():
            return _WrittenReader(source)
        case OneFile():
            return _OneFileReader(source)


class _StateReader:
    def __init__(self, source: States, may: Ownership) -> None:
        self._stack = Stack(source.layers, may)

    @contextmanager
    def open(self, item: Item) -> Iterator[int]:
        handle = self._stack.open(item.path)
        try:
            yield handle
        finally:
            os.close(handle)

    def close(self) -> None:
        self._stack.close()


class _HostReader:
    """The build context. It may change while it is read, so each file must still be the one that was scanned.

    A stamp also changes by what leaves the bytes alone: another hard link to the file, a backup's mark, a touch. The
    bytes decide then.
    """

    def __init__(self, source: HostFiles) -> None:
        self._cursor = Cursor(source.root)

    @contextmanager
    def open(self, item: Item) -> Iterator[int]:
        try:
            directory, name = self._cursor.parent(item.path)
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        except OSError as error:
            raise _changed(item.path) from error
        try:
            before = _stamp(handle, item)
            if item.entry.stamp not in (None, before):
                _check_bytes(handle, item)
            yield handle
            after = _stamp(handle, item)
            if after != before:
                if msgspec.structs.replace(after, ctime=before.ctime) != before:
                    raise _changed(item.path)
                _check_bytes(handle, item)
        finally:
            os.close(handle)

    def close(self) -> None:
        self._cursor.close()


def _stamp(handle: int, item: Item) -> Stamp:
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode) or (item.entry.stamp is not None and info.st_size != item.entry.size):
        raise _changed(item.path)
    return Stamp(info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino, info.st_dev)


def _check_bytes(handle: int, item: Item) -> None:
    """Raises StepError when they are not those scanned, or change meanwhile; leaves `handle` at its start."""
    before = _stamp(handle, item)
    with open(handle, "rb", closefd=False, buffering=0) as file:
        file.seek(0)
        same = file_digest(file, "sha256").hexdigest() == item.entry.digest
        file.seek(0)
    after = msgspec.structs.replace(_stamp(handle, item), ctime=before.ctime)
    if not same or after != before:
        raise _changed(item.path)


def _changed(path: str) -> StepError:
    return StepError(
        Diagnostic("source-changed", f"{path} changed while building", hint="build again when nothing writes to it")
    )


class _WrittenReader:
    def __init__(self, source: Written) -> None:
        self._data = {file.path.lstrip("/"): file.data.encode("utf-8", "surrogateescape") for file in source.files}

    @contextmanager
    def open(self, item: Item) -> Iterator[int]:
        handle = os.memfd_create("written", os.MFD_CLOEXEC)
        with os.fdopen(handle, "w+b") as file:
            file.write(self._data[item.path])
            file.seek(0)
            yield handle

    def close(self) -> None:
        pass


class _OneFileReader:
    def __init__(self, source: OneFile) -> None:
        self._path = source.path

    @contextmanager
    def open(self, item: Item) -> Iterator[int]:  # noqa: ARG002
        with open(self._path, "rb", buffering=0) as file:
            yield file.fileno()

    def close(self) -> None:
        pass
