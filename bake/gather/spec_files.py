"""The files of a spec: which ones a glob of `include` fits, and their texts.

What `include` names is whatever stands there, so a device, a pipe or a huge file must be refused before it is read,
and a glob must not walk a whole disk.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from fnmatch import translate
from re import Pattern
from re import compile as compile_pattern

from bake.errors import Diagnostic, InputError, Source
from bake.spec.document import SIZE_LIMIT
from bake.spec.workspace import FileGlob

ENTRY_LIMIT = 200_000
"""Directory entries that one glob may look at."""
_BYTES_LIMIT = 4 * SIZE_LIMIT
"""No text of SIZE_LIMIT characters has more."""


def read_source(path: str, shown: str) -> Source | Diagnostic:
    """The text of a file, called `shown`; or what is wrong with it, or with its path: keys and reports, which hold it,
    are text."""
    if (told := _told(path)) != path:
        return Diagnostic("not-utf8", f"the path {told} is not UTF-8", hint="rename the directory")
    try:
        data = _read(path)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return Diagnostic("unreadable-file", f"cannot read {shown}: {reason}")
    if data is None:
        return Diagnostic("unreadable-file", f"cannot read {shown}: it is not a regular file")
    if len(data) > _BYTES_LIMIT:
        message = f"{shown} has more than {_BYTES_LIMIT} bytes, which are not read"
        start = Source(shown, "").span(0)
        return Diagnostic("file-too-large", message, start, "split it and `include` the parts")
    try:
        return Source(shown, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        # Replaced, an invalid byte takes one character: what stands before it is valid.
        offset = len(error.object[: error.start].decode())
        source = Source(shown, error.object.decode(errors="replace"))
        byte = error.object[error.start]
        return Diagnostic("not-utf8", f"{shown} is not UTF-8 text: byte 0x{byte:02x}", source.span(offset))


def _told(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _read(path: str) -> bytes | None:
    """At most a little more than the limit; None for what is no regular file, which is not waited for."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(_BYTES_LIMIT + 1)
    finally:
        os.close(handle)


def matches(query: FileGlob) -> tuple[str, ...]:
    """Absolute paths of the files that the pattern fits. `**` passes hidden and linked directories by.

    Raises InputError (without a place) when that would take too long to find out.
    """
    parts = [part for part in query.pattern.split("/") if part not in ("", ".")]
    start = "/" if query.pattern.startswith("/") else query.directory
    walk = _Walk()
    return tuple(path for path in dict.fromkeys(walk.below(start, parts)) if _is_file(path))


class _Walk:
    """One glob's way through directories."""

    def __init__(self) -> None:
        self._left = ENTRY_LIMIT

    def below(self, directory: str, parts: list[str]) -> Iterator[str]:
        """Paths below `directory` that fit `parts`."""
        if not parts:
            yield directory
            return
        first, *rest = parts
        if first == "**":
            for each in self._tree(directory):
                yield from self.below(each, rest) if rest else self._files(each)
        elif any(char in first for char in "*?["):
            pattern = compile_pattern(translate(first))
            for entry in self._entries(directory):
                if _fits(pattern, first, entry.name) and (not rest or entry.is_dir()):
                    yield from self.below(entry.path, rest)
        elif os.path.lexists(os.path.join(directory, first)):
            yield from self.below(os.path.join(directory, first), rest)

    def _tree(self, directory: str) -> Iterator[str]:
        """The directory and all directories in it, however deep."""
        todo = [directory]
        while todo:
            at = todo.pop()
            yield at
            found = [each for each in self._entries(at) if not each.name.startswith(".")]
            todo += [each.path for each in found if each.is_dir(follow_symlinks=False)][::-1]

    def _files(self, directory: str) -> Iterator[str]:
        return (entry.path for entry in self._entries(directory) if not entry.name.startswith("."))

    def _entries(self, directory: str) -> list[os.DirEntry[str]]:
        try:
            found = sorted(os.scandir(directory), key=lambda entry: entry.name)
        except OSError:  # no directory, or one that is not ours to read
            return []
        self._left -= len(found) + 1
        if self._left < 0:
            message = f"this glob looks at more than {ENTRY_LIMIT} files and directories"
            hint = "name the directories, for example services/*/bake.toml"
            raise InputError(Diagnostic("include-too-wide", message, hint=hint))
        return found


def _fits(pattern: Pattern[str], written: str, name: str) -> bool:
    return bool(pattern.match(name)) and (written.startswith(".") or not name.startswith("."))


def _is_file(path: str) -> bool:
    try:
        return os.path.isfile(path)
    except ValueError:
        return False
