"""Which word of its instruction the failure of a step is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bake.errors import Diagnostic, Span
from bake.plan.origin import Named, Origin

_ABOUT: Mapping[str, Named] = {
    "missing-source": "source",
    "bad-archive": "source",
    "unsafe-archive": "source",
    "bad-copy": "destination",
    "bad-owner": "owner",
    "missing-secret": "secret",
    "missing-ssh": "ssh",
}


def placed(diagnostic: Diagnostic, origins: Iterable[Origin]) -> Diagnostic:
    """The same finding, which a step has led to, where the first of its instructions is wrong."""
    origin = next(iter(origins), None)
    return diagnostic if origin is None else diagnostic.at(_word(diagnostic, origin) or origin.span)


def _word(diagnostic: Diagnostic, origin: Origin) -> Span | None:
    """The word that the message names, else the only one it can be about."""
    words = [word for word in origin.words if word.what == _ABOUT.get(diagnostic.code)]
    named = [word for word in words if word.told and word.told in diagnostic.message]
    return next((word.span for word in (named or words if len(words) == 1 else named)), None)
