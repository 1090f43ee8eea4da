"""SOURCE_DATE_EPOCH: the one time that a reproducible image shows (reference/dockerfile.md §11). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bake.dockerfile.instructions import Add, Arg, Dockerfile, Stage
from bake.errors import Diagnostic, InputError, Span
from bake.plan.lower.copy import is_remote, remote_op
from bake.plan.step import GitOp, HttpOp
from bake.words import WordError, expand

NAME = "SOURCE_DATE_EPOCH"
_DECIMAL = re.compile(r"[+-]?\d{1,18}")
_LATEST = 253_402_300_799
"""The last second of the year 9999, beyond which no RFC 3339 time exists; the first of year 1 is the other end."""
_EARLIEST = -62_135_596_800


def epoch_of(text: str, span: Span | None = None) -> int | None:
    """Unix seconds; None for an empty value, which turns it off. Raises InputError for what is no number."""
    if not text:
        return None
    if _DECIMAL.fullmatch(text) and _EARLIEST <= int(text) <= _LATEST:
        return int(text)
    hint = "use seconds since 1970, `context`, or the name of a named context or a stage from git or HTTP"
    raise InputError(Diagnostic("bad-epoch", f"invalid {NAME}: {text}", span, hint))


def stage_of(dockerfile: Dockerfile, value: str) -> Stage | None:
    """The stage that dates the image, when the value is the name of one."""
    name = value.lower()
    return next((stage for stage in dockerfile.stages if stage.name and stage.name == name), None)


def source_of(
    stage: Stage, base: str, given: Mapping[str, str], outer: Mapping[str, str], escape: str
) -> GitOp | HttpOp:
    """What the one ADD of such a stage fetches, whose time is the date. `base`: the stage's, expanded.

    `given`: build arguments, `outer`: the ARGs above the first FROM. Raises InputError for a stage of another shape.
    """
    if base != "scratch":
        raise _shape("must use FROM scratch", stage.span)
    rest = [each for each in stage.instructions if not isinstance(each, Arg)]
    add = rest[0] if len(rest) == 1 and isinstance(rest[0], Add) else None
    if add is None or len(add.sources) != 1:
        raise _shape("must contain exactly one remote ADD, and nothing else but ARG", stage.span)
    scope: dict[str, str] = {}
    try:
        for name, default in (pair for each in stage.instructions if isinstance(each, Arg) for pair in each.pairs):
            value = given.get(name, outer.get(name) if default is None else expand(default, scope, escape=escape).text)
            scope |= {} if value is None else {name: value}
        source = expand(add.sources[0], scope, escape=escape).text
        checksum = expand(add.checksum or "", scope, escape=escape).text
    except WordError as error:
        raise _shape(f"cannot be read: {error}", stage.span) from None
    if not is_remote(source):
        raise _shape("must contain exactly one remote ADD", add.span)
    return remote_op(source, add, checksum)


def _shape(what: str, span: Span) -> InputError:
    hint = "write `FROM scratch AS NAME` and one ADD of a git or web URL"
    return InputError(Diagnostic("bad-epoch", f"{NAME} stage {what}", span, hint))
