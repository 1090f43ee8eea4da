"""From chunks of output to lines, whatever a program prints."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder

LONGEST = 16 << 10
"""Characters of a line; the rest of a longer one follows as further lines."""

_END = re.compile(r"\r*\n|\r+(?!\n)")


class LineSplitter:
    """Splits on line feeds and carriage returns (progress bars), cuts long lines, replaces what is no UTF-8."""

    def __init__(self) -> None:
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, chunk: bytes, final: bool = False) -> list[str]:
        """The lines that are complete now; with `final` the unfinished last one too."""
        text = self._rest + self._decoder.decode(chunk, final)
        # A carriage return at the end may be half of a line end.
        held = "" if final else text[len(text.rstrip("\r")) :]
        *lines, rest = _END.split(text[: len(text) - len(held)])
        self._rest = rest + held
        if final and rest:
            lines.append(rest)
        while not final and len(rest) > LONGEST:
            lines.append(rest[:LONGEST])
            rest = rest[LONGEST:]
            self._rest = rest + held
        return [line[at : at + LONGEST] for line in lines for at in range(0, max(len(line), 1), LONGEST)]
