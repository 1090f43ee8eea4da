"""Lends an ssh agent of this host to a step: a socket with the owner and mode that the step asks for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bake.errors import Diagnostic, StepError
from bake.plan.step import SshMount


class AgentSocket:
    """A listening socket whose connections are passed on to the agent at `agent`."""

    def __init__(self, server: asyncio.AbstractServer, path: str) -> None:
        self._server = server
        self.path = path

    @classmethod
    async def start(cls, directory: str, agent: str, mount: SshMount) -> AgentSocket:
        """Raises StepError when there is no agent at that path."""
        if not os.path.exists(agent):
            raise StepError(Diagnostic("no-ssh-agent", f"ssh agent {mount.id}: no socket at {agent}"))
        os.mkdir(directory, 0o700)
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # Socket paths are limited to 107 bytes, which a path below the store may exceed.
            server = await asyncio.start_unix_server(_passing(agent), f"/proc/self/fd/{handle}/agent")
            os.chmod("agent", mount.mode, dir_fd=handle)
            with suppress(OSError):
                os.chown("agent", mount.uid, mount.gid, dir_fd=handle)
        finally:
            os.close(handle)
        return cls(server, os.path.join(directory, "agent"))

    def close(self) -> None:
        self._server.close()


def _passing(agent: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_unix_connection(agent)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, up_writer), _pump(up_reader, writer), return_exceptions=True)
        up_writer.close()
        writer.close()

    return passed


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    finally:
        with suppress(OSError):
            writer.write_eof()
