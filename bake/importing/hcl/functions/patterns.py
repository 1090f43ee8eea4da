"""Functions on regular expressions and versions. The peer's engine is linear in time, so only patterns that cannot
run away here are taken."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from bake.importing.hcl.convert import Mismatch, Value, to_text
from bake.importing.hcl.functions.texts import limited

_SUBJECT_LIMIT = 2000
_REPEAT_LIMIT = 4
_VERSION = re.compile(r"[v=\s]*(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+.*)?")
_CONSTRAINT = re.compile(r"(<=|>=|!=|=|<|>|~>|~|\^)?\s*(\S+)")

_SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def _compiled(pattern: Value, text: str) -> re.Pattern[str]:
    written = to_text(pattern)
    if len(text) > _SUBJECT_LIMIT or len(written) > 500:
        raise Mismatch("the text is too long for a regular expression")
    unescaped = re.sub(r"\\.|\[[^\]]*\]", "x", written)
    if len(re.findall(r"[+*}]", unescaped)) > _REPEAT_LIMIT or re.search(r"[+*}|?][^()]*\)+[+*{]", unescaped):
        raise Mismatch("this regular expression may take for ever: it is not evaluated")
    try:
        return re.compile(written)
    except (re.error, RecursionError, OverflowError) as error:
        raise Mismatch(f"this is no regular expression: {error}") from None


def _capture(match: re.Match[str]) -> Value:
    if match.re.groupindex:
        return match.groupdict()
    return list(match.groups()) if match.re.groups else match.group()


def regex(pattern: Value, text: Value) -> Value:
    """The first match: a text, a list of groups, or an object of named groups."""
    found = to_text(text)
    match = _compiled(pattern, found).search(found)
    if match is None:
        raise Mismatch(f"'{to_text(pattern)}' does not match '{found}'")
    return _capture(match)


def regexall(pattern: Value, text: Value) -> list[Value]:
    """All matches."""
    found = to_text(text)
    return [_capture(match) for match in _compiled(pattern, found).finditer(found)]


def regex_replace(text: Value, pattern: Value, new: Value) -> str:
    """All matches replaced; `$1` and `${name}` are groups."""
    found, template = to_text(text), to_text(new)

    def one(match: re.Match[str]) -> str:
        def group(mark: re.Match[str]) -> str:
            name = mark.group(1) or mark.group(2)
            try:
                return match.group(int(name) if name.isdecimal() else name) or ""
            except (IndexError, ValueError):
                return ""

        return re.sub(r"\$(?:(\w+)|\{(\w+)\})", group, template)

    return limited(_compiled(pattern, found).sub(one, found))


def _version(text: str) -> tuple[int, int, int, bool, str]:
    match = _VERSION.fullmatch(text)
    if match is None or any(len(part or "") > 9 for part in match.groups()[:3]):
        raise Mismatch(f"'{text}' is no version")
    major, minor, patch, pre = match.groups()
    return int(major), int(minor or 0), int(patch or 0), pre is None, pre or ""


def semvercmp(version: Value, constraint: Value) -> bool:
    """Whether a version meets a constraint such as `>= 1.2, < 2` (`||` for or)."""
    have = _version(to_text(version))
    return any(all(_meets(have, each) for each in re.split(r"\s*,\s*|\s+(?=[<>=!~^])", part.strip()))
               for part in to_text(constraint).split("||"))  # fmt: skip


def _meets(have: tuple[int, int, int, bool, str], text: str) -> bool:
    match = _CONSTRAINT.fullmatch(text)
    if match is None:
        raise Mismatch(f"'{text}' is no constraint on versions")
    sign, written = match.group(1) or "=", match.group(2)
    want = _version(written)
    if sign in ("~", "~>", "^"):
        same = 1 if sign == "^" or written.count(".") == 0 else 2
        return have >= want and have[:same] == want[:same]
    return _SIGNS[sign](have, want)


PATTERNS: Mapping[str, Callable[..., Any]] = {
    "regex": regex,
    "regexall": regexall,
    "regex_replace": regex_replace,
    "semvercmp": semvercmp,
}
