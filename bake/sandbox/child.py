"""A program of this host that runs a container: started plainly, its output handed on in chunks as it comes."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from bake.errors import Diagnostic, HostError
from bake.sandbox.uninterrupted import uninterrupted

Output = Callable[[str, bytes], None]
Gate = Callable[["Child"], Awaitable[bool]]
"""Waits until it is known whose output it is; False: not the container's, to be dropped."""

_CHUNK = 1 << 16


class Child:
    """Runs from `start` to `wait`. Reading is in chunks: a line may be of any length (engine.md §5)."""

    def __init__(self, process: Process, output: Output | None, gate: Gate | None) -> None:
        self._process = process
        self._output = output
        self._gate = gate
        streams = (("stdout", process.stdout), ("stderr", process.stderr))
        self._pumps = [asyncio.create_task(self._pump(name, stream)) for name, stream in streams if stream]

    @classmethod
    async def start(
        cls, argv: Sequence[str], output: Output | None, gate: Gate | None = None, handles: Sequence[int] = ()
    ) -> Child:
        """With `output` None the program gets our own stdio. Raises HostError when it is not there.

        With output it leads a session of its own: no terminal, and Ctrl-C is for bake to handle. Cancelled while it
        starts, this returns all the same, so that the caller ends what is started; the next wait is cancelled then.
        """
        pipe = None if output is None else PIPE
        try:
            process = await uninterrupted(
                asyncio.create_subprocess_exec(
                    *argv,
                    stdin=None if output is None else DEVNULL,
                    stdout=pipe,
                    stderr=pipe,
                    env=environment(),
                    pass_fds=tuple(handles),
                    start_new_session=output is not None,
                )
            )
        except OSError as error:
            message = f"cannot start {argv[0]}: {error.strerror}"
            raise HostError(Diagnostic("no-sandbox", message, hint="see bake doctor")) from None
        return cls(process, output, gate)

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    async def wait(self) -> int:
        """The exit code, 128 + n after signal n, once all output is read. Raises what `output` raises."""
        await asyncio.gather(*self._pumps)
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    async def ended_within(self, seconds: float) -> bool:
        """Waits for the program itself, not for its output."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), seconds)
        return self.ended

    def kill(self) -> None:
        """Sends SIGKILL."""
        with suppress(ProcessLookupError):
            self._process.kill()

    def drop_output(self) -> None:
        """No more is read; whoever still writes gets a broken pipe."""
        for pump in self._pumps:
            pump.cancel()
        self._process._transport.close()  # type: ignore[attr-defined]

    async def _pump(self, name: str, stream: asyncio.StreamReader) -> None:
        assert self._output is not None
        while chunk := await stream.read(_CHUNK):
            if self._gate is None or await self._gate(self):
                self._output(name, chunk)


async def succeeds(argv: Sequence[str], seconds: float) -> bool:
    """Runs a short command silently; False when it fails or takes too long."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, env=environment(), start_new_session=True
    )
    try:
        return await asyncio.wait_for(process.wait(), seconds) == 0
    except TimeoutError:
        return False
    finally:
        with suppress(ProcessLookupError):
            process.kill()


def environment() -> dict[str, str]:
    """What programs of this host get: nothing of bake's environment but where programs are."""
    return {"PATH": search_path()}


def search_path() -> str:
    """PATH, and the system directories that an ordinary user's PATH lacks: runc lives there."""
    own = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin").split(":")
    return ":".join(dict.fromkeys([*own, "/usr/local/sbin", "/usr/sbin", "/sbin"]))
