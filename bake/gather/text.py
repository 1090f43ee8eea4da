"""Bytes of a Dockerfile or an ignore file → text."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable

from bake.errors import Diagnostic, InputError, Source

_HEREDOC = b"<<"


def text_of(data: bytes, named: Callable[[], str]) -> str:
    """A file's text, without a byte order mark; `named` gives the file's name, for the error.

    Comments may hold any bytes, as those of files from before UTF-8 do, unless lines that look like comments may be
    content. Raises InputError at the first byte that is not UTF-8.
    """
    data = data.removeprefix(BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError:
        pass
    lines = data.split(b"\n")
    if _HEREDOC not in data:
        lines = [line.decode(errors="replace").encode() if line.lstrip().startswith(b"#") else line for line in lines]
    data = b"\n".join(lines)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        name = named()
        place = Source(name, data.decode(errors="replace")).span(len(data[: error.start].decode()))
        message = f"{name} is not UTF-8 text: byte 0x{data[error.start]:02x}"
        raise InputError(Diagnostic("not-utf8", message, place)) from None
