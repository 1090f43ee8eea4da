"""RUN, CMD, ENTRYPOINT, SHELL: what runs something (dockerfile.md §3, §7, §9)."""

from __future__ import annotations

from bake.dockerfile.flags import Flags, Kind
from bake.dockerfile.instructions import Cmd, Command, Entrypoint, Run, Shell
from bake.dockerfile.mounts import parse_mount
from bake.dockerfile.parse.raw import Raw
from bake.errors import nearest

_RUN: dict[str, Kind] = {"mount": "list", "network": "text", "security": "text", "device": "list"}


def parse_run(raw: Raw) -> Run:
    flags = raw.flags(_RUN)
    return Run(
        span=raw.span,
        text=raw.text,
        command=Command(shell=raw.text) if raw.heredocs else raw.command(),
        heredocs=raw.heredocs,
        mounts=tuple(parse_mount(flag.text, raw.flag_span(flag)) for flag in flags.all("mount")),
        network=_choice(raw, flags, "network", ("default", "none", "host"), 'invalid network mode "{}"'),
        security=_choice(raw, flags, "security", ("sandbox", "insecure"), 'security "{}" is not valid'),
        devices=tuple(flag.text for flag in flags.all("device")),
    )


def _choice(raw: Raw, flags: Flags, name: str, allowed: tuple[str, ...], message: str) -> str:
    """The flag's value; without the flag the first that is allowed."""
    given = flags.all(name)
    value = given[0].text if given else allowed[0]
    if value not in allowed:
        near = nearest(value, allowed)
        hint = f"did you mean {near}?" if near else f"one of {', '.join(allowed)}"
        raise raw.fail(f"bad-{name}", message.format(value), hint, raw.flag_span(given[0]))
    return value


def parse_cmd(raw: Raw) -> Cmd:
    raw.flags({})
    return Cmd(span=raw.span, text=raw.text, command=raw.command())


def parse_entrypoint(raw: Raw) -> Entrypoint:
    raw.flags({})
    return Entrypoint(span=raw.span, text=raw.text, command=raw.command())


def parse_shell(raw: Raw) -> Shell:
    raw.flags({})
    raw.required()
    words = raw.json()
    if words is None:
        hint = 'SHELL ["/bin/bash", "-c"]'
        raise raw.fail("shell-json", "SHELL requires the arguments to be in JSON form", hint, raw.at(raw.text))
    if not words:
        raise raw.none()
    return Shell(span=raw.span, text=raw.text, words=words)
