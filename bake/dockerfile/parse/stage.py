"""FROM (dockerfile.md §6)."""

from __future__ import annotations

import re

from bake.dockerfile.flags import Kind
from bake.dockerfile.instructions import Stage
from bake.dockerfile.parse.raw import Raw

_FLAGS: dict[str, Kind] = {"platform": "text"}
_NAME = re.compile(r"[a-z][a-z0-9\-_.]*")


def parse_from(raw: Raw, index: int) -> Stage:
    """A stage without instructions yet."""
    flags = raw.flags(_FLAGS)
    words = raw.blank_words()
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].lower() != "as"):
        hint = "FROM [--platform=PLATFORM] IMAGE [AS NAME]"
        raise raw.fail("bad-from", "FROM requires either one or three arguments", hint)
    name = words[2].lower() if len(words) == 3 else ""
    if name and not _NAME.fullmatch(name):
        message = f'invalid name for build stage: "{words[2]}", name can\'t start with a number or contain symbols'
        hint = "letters, digits, `-`, `_` and `.`, a letter first"
        raise raw.fail("bad-stage-name", message, hint, raw.last(words[2]))
    return Stage(
        index=index,
        name=name,
        base=words[0],
        platform=flags.text("platform"),
        instructions=(),
        span=raw.span,
    )
