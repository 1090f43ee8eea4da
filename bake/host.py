"""The helper process of the embedded engine: `python -m bake.host SETTINGS`, started by `engine.embedded.launch`.

It runs inside private namespaces and does everything there that a build does to file systems. It dies with bake: its
parent sends SIGKILL when bake is gone, and the end of the socket ends it too; with it go its mounts and containers.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.launch import HelperSettings
from bake.engine.embedded.server import Server
from bake.engine.embedded.workspace import Workspace
from bake.errors import Diagnostic, HostError
from bake.ports.sandbox import Sandbox

if TYPE_CHECKING:
    from bake.sandbox.emulation import Emulation

_HANDLES = 65536


def main(argv: list[str]) -> None:
    """Serves until bake is gone. `argv`: one JSON text, see HelperSettings."""
    settings = msgspec.json.decode(argv[0], type=HelperSettings)
    _prepare(settings)
    asyncio.run(_serve(settings))
    os._exit(0)  # nothing to tidy: threads and mounts go with the process


def _prepare(settings: HelperSettings) -> None:
    os.umask(0o022)
    for handle in (settings.socket, *settings.stdio):
        os.set_inheritable(handle, False)
    # Ctrl-C is bake's to handle; a Python handler, unlike SIG_IGN, is not inherited by what the helper starts.
    signal.signal(signal.SIGINT, lambda *_: None)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _HANDLES if hard == resource.RLIM_INFINITY else min(hard, _HANDLES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(settings: HelperSettings) -> None:
    workspace = Workspace(settings.home, Ownership(settings.tier), mounts=settings.tier != "none")

    async def find_sandbox() -> Sandbox:
        from bake.sandbox.detect import detect

        if settings.tier == "none":
            raise HostError(Diagnostic("no-sandbox", "this host cannot run RUN steps", hint=settings.advice or None))
        keep = Path(settings.keep)
        keep.mkdir(mode=0o700, exist_ok=True)
        return await detect(settings.tier != "root", keep, settings.sandbox or None)

    @cache
    def emulation() -> Emulation:
        from bake.sandbox.emulation import Emulation

        return Emulation(Path(settings.home, "emulation"), settings.tier != "root")

    async def need(platform: str) -> None:
        if platform:
            await emulation().need(platform)

    with socket.socket(fileno=settings.socket) as opened:
        reader, writer = await asyncio.open_unix_connection(sock=opened, limit=1 << 20)
        await Server(reader, writer, workspace, find_sandbox, settings.stdio, need).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
