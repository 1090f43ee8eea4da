"""Length-prefixed msgpack messages over a socket, and failures as data."""

from __future__ import annotations

import asyncio
from typing import Literal

import msgspec

from bake.engine.embedded.answers import Answer
from bake.engine.embedded.requests import Request
from bake.errors import BakeError, Diagnostic, HostError, InputError, RemoteError, StepError, StepFailed

_MOST_BYTES = 1 << 30


class Call(msgspec.Struct, frozen=True, tag="call"):
    """To the helper: do this, and answer with the same id."""

    id: int
    request: Request


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """To the helper: stop that, clean up, then answer."""

    id: int


class Failure(msgspec.Struct, frozen=True):
    """An error of the helper. `kind` is a key of `_KINDS`."""

    kind: str
    code: str
    message: str
    hint: str | None = None
    exit_code: int | None = None


class Reply(msgspec.Struct, frozen=True, tag="reply"):
    """From the helper: exactly one of the two is there; neither when the call was cancelled."""

    id: int
    answer: Answer | None = None
    failure: Failure | None = None


class Log(msgspec.Struct, frozen=True, tag="log"):
    """From the helper: lines of a call's output."""

    id: int
    stream: Literal["stdout", "stderr", "progress"]
    lines: tuple[str, ...]


class SandboxChosen(msgspec.Struct, frozen=True, tag="chosen"):
    """From the helper, before its first container: the sandbox, and what a step gets less in it, by key."""

    id: int
    sandbox: str
    lacks: dict[str, str]


ToHelper = Call | Cancel
FromHelper = Reply | Log | SandboxChosen

_encoder = msgspec.msgpack.Encoder()
_KINDS: dict[str, type[BakeError]] = {
    "step": StepError, "input": InputError, "host": HostError, "remote": RemoteError,
}  # fmt: skip


def encode(message: ToHelper | FromHelper) -> bytes:
    """One frame."""
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "big") + body


async def read(reader: asyncio.StreamReader) -> bytes | None:
    """The body of the next frame, None at the end of the stream."""
    try:
        size = int.from_bytes(await reader.readexactly(4), "big")
        return await reader.readexactly(size) if size <= _MOST_BYTES else None
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def failure_of(error: BaseException) -> Failure:
    """Any error as data. What is no BakeError is a defect or the host's doing: exit code 4."""
    if isinstance(error, BakeError):
        first = error.diagnostics[0]
        kind = next((name for name, kind in _KINDS.items() if isinstance(error, kind)), "host")
        if isinstance(error, StepFailed):
            return Failure("failed", first.code, first.message, first.hint, error.exit_code_of_step)
        return Failure(kind, first.code, first.message, first.hint)
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return Failure("host", "host-error", f"{error.strerror or error}{where}")
    return Failure("host", "engine-defect", f"{type(error).__name__}: {error}", "this is a defect of bake")


def error_of(failure: Failure) -> BakeError:
    """The error again."""
    diagnostic = Diagnostic(failure.code, failure.message, hint=failure.hint)
    if failure.kind == "failed":
        return StepFailed(diagnostic, failure.exit_code)
    return _KINDS[failure.kind](diagnostic)
