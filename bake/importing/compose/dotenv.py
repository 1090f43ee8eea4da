"""A `.env` file, or one below `env_file`: names and values, as compose reads them."""

from __future__ import annotations

import re

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][\w.-]*)[ \t]*(?:[=:][ \t]*(.*))?", re.S)
_QUOTED = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)\"""", re.S)
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?:(:?-)([^}]*))?\}|([A-Za-z_]\w*))")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read_dotenv(text: str) -> dict[str, str | None]:
    """None for a name alone, whose value comes from elsewhere. What is no assignment is passed over."""
    found: dict[str, str | None] = {}
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        match = _LINE.match(text, at, end) if not text[at:end].lstrip().startswith("#") else None
        if match is not None and match.group(2) is not None:
            value, end = _value(text, match.start(2), end, found)
            found[match.group(1)] = value
        elif match is not None:
            found[match.group(1)] = None
        at = end + 1
    return found


def _value(text: str, at: int, end: int, known: dict[str, str | None]) -> tuple[str, int]:
    """The value and where its line ends; a quoted one may take several lines."""
    match = _QUOTED.match(text, at)
    if match is None:
        plain = re.split(r"\s#", text[at:end], maxsplit=1)[0].strip()
        return _expanded("" if plain.startswith("#") else plain, known), end
    after = text.find("\n", match.end())
    single, double = match.groups()
    if single is not None:
        return single, len(text) if after < 0 else after
    plain = re.sub(r"\\(.)", lambda found: _ESCAPES.get(found.group(1), found.group(1)), double, flags=re.S)
    return _expanded(plain, known), len(text) if after < 0 else after


def _expanded(text: str, known: dict[str, str | None]) -> str:
    """`$NAME` and `${NAME:-default}` over the lines before."""

    def one(match: re.Match[str]) -> str:
        value = known.get(match.group(1) or match.group(4))
        missing = value is None or (match.group(2) == ":-" and not value)
        return (match.group(3) or "") if missing else str(value)

    return _VARIABLE.sub(one, text)
