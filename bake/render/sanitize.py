"""Makes foreign text harmless on a terminal: a log line may hold escapes that move the cursor, set titles or lie.

Everything that comes from a build step, a Dockerfile or a registry goes through here before a person sees it.
"""

from __future__ import annotations

import re

# ESC sequences: OSC, DCS, SOS, PM and APC up to their end (or the end of the line), CSI, then any two-character one.
_ESCAPES = re.compile(
    "(?:\x1b\\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c|$)"
    "|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\\\|\x9c|$)"
    "|(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?"
    "|\x1b[ -/]*[0-~]?"
)
# C0 without tab, DEL, C1; the marks that reorder text (bidirectional overrides); line and paragraph separators.
_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_HARMLESS = re.compile(r"[\t\x20-\x7e]*")


def clean(line: str) -> str:
    """One line of output without control sequences; of text that overwrites itself (`10%\\r20%`) the last state."""
    if _HARMLESS.fullmatch(line):
        return line
    line = _ESCAPES.sub("", line)
    if "\r" in line:
        line = next((part for part in reversed(line.split("\r")) if part.strip()), "")
    return _CONTROLS.sub("", line)


def visible(line: str) -> str:
    """One line of source, as long as it was: each control character as a picture of one column."""
    if _HARMLESS.fullmatch(line):
        return line
    return _CONTROLS.sub(_picture, line)


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    return chr(0x2400 + code) if code < 0x20 else "␡" if code == 0x7F else "�"
