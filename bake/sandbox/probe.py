"""Whether a container runs in a sandbox here: one with everything that a step gets, doing nothing."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from bake.errors import HostError
from bake.ports.sandbox import Execution, Sandbox, StartFailed
from bake.sandbox.program import exit_program

_SECONDS = 20.0
_PROGRAM = "/probe"


async def probe(sandbox: Sandbox, scratch: Path) -> str | None:
    """None when it does, else the reason in words. Uses a directory below `scratch` meanwhile."""
    program = exit_program()
    if program is None:
        return None  # an unusual machine: the first step will tell
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        root, state = Path(place, "root"), Path(place, "state")
        root.mkdir()
        state.mkdir()
        (root / _PROGRAM.strip("/")).write_bytes(program)
        (root / _PROGRAM.strip("/")).chmod(0o755)
        return await _refusal(sandbox, str(root), str(state))


async def _refusal(sandbox: Sandbox, root: str, state: str) -> str | None:
    said = bytearray()
    try:
        async with asyncio.timeout(_SECONDS):
            code = await sandbox.run(root, _EXECUTION, state, lambda _, chunk: said.extend(chunk))
    except TimeoutError:
        return "the container does not end"
    except (StartFailed, HostError) as error:
        return str(error)
    return None if code == 0 else said.decode("utf-8", "replace").strip() or f"exit code {code}"


_EXECUTION = Execution(
    args=(_PROGRAM,),
    env=(),
    cwd="/",
    user="",
    network="host",
    insecure=False,
    hostname="probe",
    mounts=(),
    shm_size=1 << 20,
    ulimits=(),
    terminal=False,
)
