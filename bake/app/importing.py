"""`bake import`: reads the file of another builder, writes the bake.toml."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bake.errors import Diagnostic, InputError, Source
from bake.importing.convert import Conversion, convert, kind_of, too_large
from bake.importing.notes import SIZE_LIMIT

FILE = "bake.toml"
STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Imported:
    """`written`: where the bake.toml went, None for nowhere."""

    conversion: Conversion
    written: Path | None


def import_(file: str, output: str | None, *, replace: bool = False) -> Imported:
    """`output`: a file, `-` to write none, None for `bake.toml` beside the source. Raises InputError.

    The source is read to its end before anything is written, and a file that is there stays unless `replace` is set.
    """
    kind_of(file)
    target = None if output == STDOUT else Path(output) if output is not None else Path(file).parent / FILE
    if target is not None and target.exists() and not replace:
        hint = "choose another with -o, or say --force"
        raise InputError(Diagnostic("file-exists", f"{target} is there already", hint=hint))
    conversion = convert(Source(file, _text(file)))
    if target is not None:
        _write(target, conversion.text)
    moved = target is not None and os.path.realpath(target.parent) != os.path.realpath(Path(file).parent)
    return Imported(_with_note(conversion, file, target) if moved and target is not None else conversion, target)


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


def _with_note(conversion: Conversion, file: str, target: Path) -> Conversion:
    message = f"paths in {target} are relative to its directory, which is not that of {file}"
    span = Source(file, "").span(0)
    return Conversion(conversion.text, (Diagnostic("moved", message, span, severity="warning"), *conversion.notes))
