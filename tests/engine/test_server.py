"""The helper's end of the socket: each call is answered, whenever it is cancelled."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import msgspec

from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.requests import Mkdir
from bake.engine.embedded.server import Server
from bake.engine.embedded.wire import Call, Cancel, FromHelper, Reply, encode, read
from bake.engine.embedded.workspace import Workspace
from bake.plan.listing import encode as encode_listing
from bake.plan.tree import Entry
from bake.ports.sandbox import Sandbox


async def no_sandbox() -> Sandbox:
    raise AssertionError


async def nothing(_platform: str) -> None:
    pass


def test_a_failed_call_that_is_cancelled_while_it_is_tidied_is_answered(tmp_path: Path) -> None:
    """Else whoever cancelled it waits in vain: a test that fails cancels the others, which often fail just then."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "home").mkdir()
    for number in range(2000):
        (scratch / str(number)).touch()
    lower = tmp_path / "lower"
    (lower / "fs").mkdir(parents=True)
    (lower / "fs/file").touch()
    (lower / "listing").write_bytes(encode_listing({"file": Entry("f")}))

    async def talk() -> Reply | None:
        ours, theirs = socket.socketpair()
        helper = Server(
            *await asyncio.open_unix_connection(sock=theirs),
            Workspace(str(tmp_path / "home"), Ownership("none"), mounts=False), no_sandbox, (0, 1, 2), nothing,
        )  # fmt: skip
        serving = asyncio.create_task(helper.serve())
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        writer.write(encode(Call(1, Mkdir(str(scratch), (str(lower / "fs"),), "file/d", "", 0o755))))

        async def cancel_often() -> None:
            while True:
                writer.write(encode(Cancel(1)))
                await asyncio.sleep(0.0005)

        cancelling = asyncio.create_task(cancel_often())
        reply = None
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                while (frame := await read(reader)) is not None:
                    message = msgspec.msgpack.decode(frame, type=FromHelper)
                    if isinstance(message, Reply) and message.id == 1:
                        reply = message
                        break
        cancelling.cancel()
        writer.close()
        await serving
        return reply

    reply = asyncio.run(talk())
    assert reply is not None
    assert reply.answer is None
    assert list(scratch.iterdir()) == []
