"""FileSend: the archive that a builder exports comes in as a stream, into a file of ours."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from bake.engine.buildkit.session import Method, Methods
from bake.engine.buildkit.wire.messages import MESSAGES


class FileSend:
    """Takes one archive into `file`, which is not there yet; streams cannot be told apart, so a session has one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._taken = False

    def methods(self) -> Methods:
        data = MESSAGES.Bytes
        return {"/moby.filesync.v1.FileSend/DiffCopy": Method(self._answer, data, data, streaming=True)}

    async def _answer(self, stream: Any) -> None:
        if self._taken:
            raise GRPCError(Status.ALREADY_EXISTS, "an export was received already")
        self._taken = True
        with self._file.open("xb") as out:
            while (message := await stream.recv_message()) is not None:
                await asyncio.to_thread(out.write, message.data)
