"""RUN, CMD, ENTRYPOINT, SHELL, HEALTHCHECK: what runs something."""

from __future__ import annotations

from bake.dockerfile.durations import parse_duration
from bake.dockerfile.flags import Kind
from bake.dockerfile.instructions import Cmd, Command, Entrypoint, Healthcheck, Mount, Run, Shell
from bake.dockerfile.mounts import parse_mount
from bake.dockerfile.parse.raw import Raw

_RUN: dict[str, Kind] = {"mount": "list", "network": "text", "security": "text", "device": "list"}
_CHECK: dict[str, Kind] = {
    "interval": "text", "timeout": "text", "start-period": "text", "start-interval": "text", "retries": "text",
}  # fmt: skip


def parse_run(raw: Raw) -> Run:
    flags = raw.flags(_RUN)
    network = flags.get("network", ["default"])[0].lower()
    if network not in ("default", "none", "host"):
        raise raw.fail(f'invalid network mode "{network}"', code="bad-network", hint="default, none or host")
    security = flags.get("security", ["sandbox"])[0].lower()
    if security not in ("sandbox", "insecure"):
        raise raw.fail(f'security "{security}" is not valid', code="bad-security", hint="sandbox or insecure")
    return Run(
        span=raw.span,
        text=raw.text,
        command=Command(shell=raw.text) if raw.heredocs else raw.command(),
        heredocs=raw.heredocs,
        mounts=tuple(_mount(raw, text) for text in flags.get("mount", ())),
        network=network,
        security=security,
        devices=tuple(flags.get("device", ())),
    )


def _mount(raw: Raw, text: str) -> Mount:
    offset = next((at for word, at in raw.flag_words if word == f"--mount={text}"), None)
    span = raw.span if offset is None else raw.logical.span(offset, offset + len(text) + len("--mount="))
    return parse_mount(text, span)


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
        raise raw.fail("SHELL requires the arguments to be in JSON form", code="shell-json", hint=hint)
    if not words:
        raise raw.fail("SHELL requires at least one argument", code="missing-argument")
    return Shell(span=raw.span, text=raw.text, words=words)


def parse_healthcheck(raw: Raw) -> Healthcheck:
    kind, _, rest = raw.required().partition(" ")
    if kind.upper() == "NONE":
        if rest.strip():
            raise raw.fail("HEALTHCHECK NONE takes no arguments", code="bad-healthcheck")
        return Healthcheck(span=raw.span, text=raw.text, command=None)
    if kind.upper() != "CMD":
        raise raw.fail(f'Unknown type "{kind}" in HEALTHCHECK (try CMD)', code="bad-healthcheck")
    flags = raw.flags(_CHECK)
    inner = Raw("CMD", rest.strip(), raw.offset, (), (), (), raw.span, raw.escape, raw.logical)
    command = inner.command()
    if not rest.strip() or (command.words == () and command.shell is None):
        raise raw.fail("Missing command after HEALTHCHECK CMD", code="bad-healthcheck")
    times = {name.replace("-", "_"): _duration(raw, flags, name) for name in _CHECK if name != "retries"}
    return Healthcheck(span=raw.span, text=raw.text, command=command, retries=_retries(raw, flags), **times)


def _duration(raw: Raw, flags: dict[str, list[str]], name: str) -> int:
    text = flags.get(name, ["0"])[0]
    try:
        value = parse_duration(text)
    except ValueError as error:
        raise raw.fail(str(error), code="bad-duration", hint="such as 30s or 1m30s") from None
    if value != 0 and value < 10**6:
        raise raw.fail(f'Interval "{name}" cannot be less than 1ms', code="bad-duration")
    return value


def _retries(raw: Raw, flags: dict[str, list[str]]) -> int:
    text = flags.get("retries", ["0"])[0]
    if not (text.isascii() and text.isdecimal()):
        raise raw.fail(f"--retries must be a whole number from 0, not '{text}'", code="bad-retries")
    return int(text)
