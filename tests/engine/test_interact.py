"""`bake run`: a process on a throw-away copy of a state, with the terminal's own stdin, stdout and stderr."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import asyncio, json, sys
from pathlib import Path
sys.path.insert(0, SUPPORT)
from building import Builder
from bake.engine.embedded.client import EmbeddedEngine
from bake.ports.engine import Process
from bake.store import open_store

async def main(place, args, more):
    store = open_store(place / "store")
    async with EmbeddedEngine(store, None) as engine:
        state = await Builder(engine, store).busybox(place / "busybox")
        code = await engine.interact(state, Process(tuple(args), **more))
        assert not any((place / "store/tmp").glob("*/*/fs")), "the copy was not thrown away"
        assert not (store.layers.layer(state).directory / "fs/written").exists()
    sys.exit(code)

asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])))
"""
SUPPORT = str(Path(__file__).parents[1] / "support")


def argv(place: Path, args: list[str], **more: object) -> list[str]:
    script = _SCRIPT.replace("SUPPORT", repr(SUPPORT), 1)
    return [sys.executable, "-c", script, str(place), json.dumps(args), json.dumps(more)]


def test_pipes_pass_through(tmp_path: Path) -> None:
    command = "read a; echo got $a; echo bad >&2; echo > /written; pwd; cat; exit 5"
    done = subprocess.run(
        argv(tmp_path, ["sh", "-c", command], cwd="/tmp"),
        input=b"first\n\xff\x00raw\r\n", capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (5, b"got first\n/tmp\n\xff\x00raw\r\n", b"bad\n")


def test_what_cannot_start(tmp_path: Path) -> None:
    done = subprocess.run(argv(tmp_path, ["/no/such"]), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'process "/no/such" could not be started' in done.stderr


def test_a_terminal(tmp_path: Path) -> None:
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        argv(tmp_path, ["sh", "-c", "tty; test -t 0 && test -t 1 && echo yes; read a; echo got $a"], terminal=True),
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    os.write(mine, b"typed\n")
    said = b""
    try:
        while True:
            said += os.read(mine, 4096)
    except OSError:
        pass  # the other end is closed
    finally:
        os.close(mine)
    assert process.wait(30) == 0, said
    assert b"yes" in said and b"got typed" in said
