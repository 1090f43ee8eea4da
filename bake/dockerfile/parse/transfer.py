"""COPY and ADD (dockerfile.md §8.1, §2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bake.dockerfile.flags import Flags, Kind
from bake.dockerfile.instructions import Add, Copy, Heredoc
from bake.dockerfile.parse.raw import Raw

_SHARED: dict[str, Kind] = {"chown": "text", "chmod": "text", "link": "bool", "exclude": "list"}
_COPY: dict[str, Kind] = {**_SHARED, "from": "text", "parents": "bool"}
_ADD: dict[str, Kind] = {**_SHARED, "checksum": "text", "keep-git-dir": "bool", "unpack": "bool"}


def parse_copy(raw: Raw) -> Copy:
    flags = raw.flags(_COPY)
    if "$" in (flags.text("from") or ""):
        message = (
            "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope "
            "as a workaround"
        )
        raise raw.fail(
            "from-variable", message, "FROM $IMAGE AS name, then --from=name", raw.flag_span(flags.all("from")[0])
        )
    return Copy(**_common(raw, flags), from_=flags.text("from"), parents=flags.bool("parents") or False)


def parse_add(raw: Raw) -> Add:
    flags = raw.flags(_ADD)
    return Add(
        **_common(raw, flags),
        checksum=flags.text("checksum"),
        keep_git_dir=flags.bool("keep-git-dir"),
        unpack=flags.bool("unpack"),
    )


def _common(raw: Raw, flags: Flags) -> dict[str, Any]:
    words = raw.words()
    if len(words) < 2:
        count = "but only one was provided" if words else "but none was provided"
        message = f"{raw.keyword} requires at least two arguments, {count}. Destination could not be determined"
        raise raw.fail("missing-argument", message, f"{raw.keyword} SOURCE… DESTINATION")
    *sources, dest = words
    heredocs = frozenset(raw.heredoc_words)
    if dest in heredocs:
        message = f"{raw.keyword} cannot accept a heredoc as a destination"
        raise raw.fail("heredoc-destination", message, span=raw.last(dest))
    return {
        "span": raw.span,
        "text": raw.text,
        "sources": tuple(word for word in sources if word not in heredocs),
        "dest": dest,
        "heredocs": _named(raw, words),
        "chown": flags.text("chown"),
        "chmod": flags.text("chmod"),
        "link": flags.bool("link") or False,
        "exclude": tuple(flag.text for flag in flags.all("exclude")),
    }


def _named(raw: Raw, words: Sequence[str]) -> tuple[Heredoc, ...]:
    """Those that are a word: `<< E` is two, and both are paths. Of two with one name, both have the last one's body."""
    bodies = {heredoc.name: heredoc.body for heredoc in raw.heredocs}
    pairs = zip(raw.heredocs, raw.heredoc_words, strict=True)
    return tuple(replace(heredoc, body=bodies[heredoc.name]) for heredoc, word in pairs if word in words)
