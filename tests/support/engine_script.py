"""Run as a program: one engine on a store, driven by lines of JSON on stdin; for tests that need another process.

`engine_script.py DIRECTORY`: makes a busybox state in DIRECTORY/store, then answers each line `{"run": COMMAND}`,
`{"archive": true}` or `{"copy": PATH}` (on the state made last) with one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from building import Builder

from bake.engine.embedded.client import EmbeddedEngine
from bake.errors import BakeError
from bake.plan.step import CopyAction
from bake.store import open_store


async def main(directory: Path) -> None:
    async def fetch(*_: Any) -> Path:
        raise AssertionError

    store = open_store(directory / "store")
    async with EmbeddedEngine(store, fetch) as engine:
        build = Builder(engine, store)
        state = await build.busybox(directory / "busybox")
        assert engine._helper is not None
        answer({"tier": engine._helper.tier, "pid": os.getpid()})
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked = json.loads(line)
            try:
                if "run" in asked:
                    layer = await build.run(state, asked["run"], **asked.get("more", {}))
                elif "copy" in asked:
                    action = CopyAction(1, "/", "/copied/", owner=asked.get("owner", ""))
                    layer = await build.copy(state, Path(asked["copy"]), action)
                else:
                    layer = await engine.archive(state, "gzip", 1)
                state = layer.state
                blob = str(store.blobs.path(layer.blobs[0].digest)) if layer.blobs else ""
                answer({"output": build.output(), "layer": build.listing(layer), "blob": blob})
            except BakeError as error:
                answer({"error": str(error), "output": build.output("stderr")})
        for layer in (store.root / "layers").iterdir():
            await engine.remove(layer)


def answer(value: object) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
