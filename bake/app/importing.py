"""`bake import`: reads the files of another builder, writes the bake.toml."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bake.errors import Diagnostic, InputError, Source
from bake.importing.convert import Conversion, convert, kind_of, too_large
from bake.importing.notes import SIZE_LIMIT

FILE = "bake.toml"
STDOUT = "-"
DEFAULT_FILES = (
    "compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml", "docker-bake.json", "docker-bake.hcl",
    "docker-bake.override.json", "docker-bake.override.hcl",
)  # fmt: skip
"""What the peer reads when no file is named: all of these that are there (reference/buildx-bake.md §2)."""


@dataclass(frozen=True, slots=True)
class Imported:
    """`written`: where the bake.toml went, None for nowhere."""

    conversion: Conversion
    written: Path | None


def import_(files: Sequence[str], output: str | None, *, replace: bool = False) -> Imported:
    """`files`: none of them means those that the peer takes by itself. `output`: a file, `-` to write none, None for
    `bake.toml` beside the first source. Raises InputError.

    The sources are read to their end before anything is written, and a file that is there stays unless `replace` is
    set.
    """
    files = files or _present()
    for file in files:
        kind_of(file)
    target = None if output == STDOUT else Path(output) if output is not None else Path(files[0]).parent / FILE
    if target is not None and target.exists() and not replace:
        hint = "choose another with -o, or say --force"
        raise InputError(Diagnostic("file-exists", f"{target} is there already", hint=hint))
    conversion = convert(*(Source(file, _text(file)) for file in files), fetch=_fetch)
    if target is None:
        return Imported(conversion, None)
    _write(target, conversion.text)
    home = os.path.realpath(target.parent)
    moved = [file for file in files if os.path.realpath(Path(file).parent) != home]
    return Imported(_with_notes(conversion, moved, target), target)


def _present() -> list[str]:
    found = [name for name in DEFAULT_FILES if os.path.exists(name)]
    if not found:
        hint = "name the file: bake import FILE"
        raise InputError(Diagnostic("unreadable-file", "there is no docker-bake or compose file here", hint=hint))
    return found


def _fetch(file: str) -> str | None:
    """What a file names, which need not be there."""
    return _text(file) if os.path.isfile(file) else None


def _text(file: str) -> str:
    try:
        with open(file, "rb") as stream:
            data = stream.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise InputError(Diagnostic("unreadable-file", f"cannot read {file}: {error.strerror}")) from None
    if len(data) > SIZE_LIMIT:
        raise too_large(Source(file, data[:200].decode(errors="replace")))
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        read = data[: error.start].decode()
        span = Source(file, read + "?").span(len(read))
        raise InputError(Diagnostic("not-utf8", f"{file} is not UTF-8 text", span)) from None


def _write(target: Path, text: str) -> None:
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(Diagnostic("unwritable-file", f"cannot write {target}: {error.strerror}")) from None


def _with_notes(conversion: Conversion, moved: Sequence[str], target: Path) -> Conversion:
    notes = [
        Diagnostic("moved", f"paths in {target} are relative to its directory, which is not that of {file}",
                   Source(file, "").span(0), severity="warning")
        for file in moved
    ]  # fmt: skip
    return Conversion(conversion.text, (*notes, *conversion.notes))
