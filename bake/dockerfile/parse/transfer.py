"""COPY and ADD."""

from __future__ import annotations

from typing import Any

from bake.dockerfile.flags import Kind
from bake.dockerfile.instructions import Add, Copy
from bake.dockerfile.parse.raw import Raw

_SHARED: dict[str, Kind] = {"chown": "text", "chmod": "text", "link": "bool", "exclude": "list"}
_COPY: dict[str, Kind] = {**_SHARED, "from": "text", "parents": "bool"}
_ADD: dict[str, Kind] = {**_SHARED, "checksum": "text", "keep-git-dir": "bool", "unpack": "bool"}


def parse_copy(raw: Raw) -> Copy:
    flags = raw.flags(_COPY)
    return Copy(**_common(raw, flags), from_=_last(flags, "from"), parents=_last(flags, "parents") == "true")


def parse_add(raw: Raw) -> Add:
    flags = raw.flags(_ADD)
    return Add(
        **_common(raw, flags),
        checksum=_last(flags, "checksum"),
        keep_git_dir=_bool(flags, "keep-git-dir"),
        unpack=_bool(flags, "unpack"),
    )


def _common(raw: Raw, flags: dict[str, list[str]]) -> dict[str, Any]:
    words = list(_joined(raw))
    if len(words) < 2:
        count = "but only one was provided" if words else "but none was provided"
        message = f"{raw.keyword} requires at least two arguments, {count}. Destination could not be determined"
        raise raw.fail(message, code="missing-argument", hint=f"{raw.keyword} SOURCE… DESTINATION")
    *sources, dest = words
    if dest in raw.heredoc_words:
        raise raw.fail(f"{raw.keyword} cannot accept a heredoc as a destination", code="heredoc-destination")
    return {
        "span": raw.span,
        "text": raw.text,
        "sources": tuple(word for word in sources if word not in raw.heredoc_words),
        "dest": dest,
        "heredocs": raw.heredocs,
        "chown": _last(flags, "chown"),
        "chmod": _last(flags, "chmod"),
        "link": _last(flags, "link") == "true",
        "exclude": tuple(flags.get("exclude", ())),
    }


def _joined(raw: Raw) -> list[str]:
    """The words, those of a heredoc with a blank in its word put together."""
    words = list(raw.words())
    for heredoc in raw.heredoc_words:
        parts = heredoc.split(" ")
        for at in range(len(words) - len(parts) + 1):
            if len(parts) > 1 and words[at : at + len(parts)] == parts:
                words[at : at + len(parts)] = [heredoc]
                break
    return words


def _last(flags: dict[str, list[str]], name: str) -> str | None:
    return flags[name][-1] if name in flags else None


def _bool(flags: dict[str, list[str]], name: str) -> bool | None:
    value = _last(flags, name)
    return None if value is None else value == "true"
