"""USER, WORKDIR, EXPOSE, VOLUME, STOPSIGNAL, MAINTAINER, ONBUILD: what only changes the config (dockerfile.md §9)."""

from __future__ import annotations

from bake.dockerfile.forms import FORMS
from bake.dockerfile.instructions import Expose, Maintainer, Onbuild, Stopsignal, User, Volume, Workdir
from bake.dockerfile.parse.raw import Raw


def parse_user(raw: Raw) -> User:
    raw.flags({})
    return User(span=raw.span, text=raw.text, user=raw.single())


def parse_workdir(raw: Raw) -> Workdir:
    raw.flags({})
    return Workdir(span=raw.span, text=raw.text, path=raw.single())


def parse_stopsignal(raw: Raw) -> Stopsignal:
    """Its flags are never looked at."""
    return Stopsignal(span=raw.span, text=raw.text, signal=raw.single())


def parse_maintainer(raw: Raw) -> Maintainer:
    raw.flags({})
    return Maintainer(span=raw.span, text=raw.text, name=raw.single())


def parse_expose(raw: Raw) -> Expose:
    raw.flags({})
    raw.required()
    return Expose(span=raw.span, text=raw.text, ports=raw.blank_words())


def parse_volume(raw: Raw) -> Volume:
    raw.flags({})
    paths = raw.words()
    if not paths:
        raise raw.none()
    for path in paths:
        if not path.strip():
            message = "VOLUME specified can not be an empty string"
            raise raw.fail("empty-volume", message, FORMS["VOLUME"], raw.at(f'"{path}"'))
    return Volume(span=raw.span, text=raw.text, paths=paths)


def parse_onbuild(raw: Raw) -> Onbuild:
    """The trigger keeps its text, heredoc bodies included; it is parsed when it is triggered."""
    raw.flags({})
    word = raw.required().split(None, 1)[0]
    if word.upper() == "ONBUILD":
        message = "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"
        raise raw.fail("bad-onbuild", message, "write ONBUILD once", raw.at(word))
    if word.upper() in ("FROM", "MAINTAINER"):
        message = f"{word.upper()} isn't allowed as an ONBUILD trigger"
        raise raw.fail("bad-onbuild", message, FORMS["ONBUILD"], raw.at(word))
    bodies = "".join(f"\n{heredoc.body}{heredoc.name}" for heredoc in raw.heredocs)
    return Onbuild(span=raw.span, text=raw.text, trigger=raw.text + bodies)
