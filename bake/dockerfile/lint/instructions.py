"""Rules about single instructions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bake.dockerfile.instructions import (
    Arg,
    Cmd,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    Shell,
    Stage,
)
from bake.dockerfile.lint.rule import Finding
from bake.dockerfile.lint.scopes import base_fact, base_stages, expanded, walk
from bake.dockerfile.lint.view import View, Written
from bake.errors import Span
from bake.words import WordError, expand_words

_SECRET = re.compile(
    r"(?i)(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)",
)
_NO_SECRET = re.compile(r"(?i)(?:_|^)(?:public|file|version)(?:_|$)")


def json_args_recommended(view: View) -> Iterator[Finding]:
    """A shell form is what SHELL asks for, so it is fine below one."""
    with_shell: set[int] = set()
    bases = base_stages(view)
    for stage, body in view.bodies():
        fact = base_fact(view, stage)
        if bases[stage.index] in with_shell or (fact is not None and fact.shell):
            with_shell.add(stage.index)
        for at in body:
            if isinstance(at.item, Shell):
                with_shell.add(stage.index)
            elif isinstance(at.item, Cmd | Entrypoint) and stage.index not in with_shell:
                if at.item.command.shell is None:
                    continue
                message = (
                    f"JSON arguments recommended for {at.keyword} to prevent unintended behavior related to OS signals"
                )
                yield Finding(at, message, at.span)


def maintainer_deprecated(view: View) -> Iterator[Finding]:
    for at in view.of(Maintainer):
        yield Finding(at, "Maintainer instruction is deprecated in favor of using label", at.span)


def multiple_instructions(view: View) -> Iterator[Finding]:
    """Told at the earlier one, which has no effect."""
    for _, body in view.bodies():
        before: dict[type[Instruction | Stage], Written] = {}
        for at in body:
            kind = type(at.item)
            if not isinstance(at.item, Cmd | Entrypoint | Healthcheck):
                continue
            if kind in before:
                message = f"Multiple {at.keyword} instructions should not be used in the same stage because "
                yield Finding(before[kind], message + "only the last one will be used", before[kind].span)
            before[kind] = at


def legacy_key_value_format(view: View) -> Iterator[Finding]:
    for at in (at for _, body in view.bodies() for at in body):
        if isinstance(at.item, Env | Label) and at.item.legacy:
            name = at.keyword
            message = f'"{name} key=value" should be used instead of legacy "{name} key value" format'
            yield Finding(at, message, at.span)


def secrets_used_in_arg_or_env(view: View) -> Iterator[Finding]:
    """In stages: an ARG before the first FROM gets into no image."""
    for at, scope in walk(view):
        pairs: Sequence[tuple[str, str | None]] = at.item.pairs if isinstance(at.item, Arg | Env) else ()
        for written, _ in pairs:
            name = expanded(view, written, scope.values).text if isinstance(at.item, Env) else written
            if _SECRET.search(name) and not _NO_SECRET.search(name):
                message = f'Do not use ARG or ENV instructions for sensitive data ({at.keyword.upper()} "{name}")'
                yield Finding(at, message, at.find(written))


def expose_proto_casing(view: View) -> Iterator[Finding]:
    for at, port, span in _ports(view):
        protocol = port.partition("/")[2]
        if protocol != protocol.lower():
            message = f"Defined protocol '{port}' in EXPOSE instruction should be lowercase"
            yield Finding(at, message, span)


def expose_invalid_format(view: View) -> Iterator[Finding]:
    for at, port, span in _ports(view):
        if ":" in port:
            message = f"EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'"
            yield Finding(at, message, span)


def _ports(view: View) -> Iterator[tuple[Written, str, Span]]:
    """The ports with the values of variables; those with a variable that is not known are left alone."""
    for at, scope in walk(view):
        seen: dict[str, int] = {}
        for written in at.item.ports if isinstance(at.item, Expose) else ():
            seen[written] = seen.get(written, -1) + 1
            try:
                found = expand_words(written, scope.values, escape=view.dockerfile.escape)
            except WordError:
                continue  # building tells it
            for port in found.words if not found.unset else ():
                yield at, port, at.find(written, seen[written])
