"""The peer's `bake --print` of a definition, which needs no daemon."""

from __future__ import annotations

import json
import socket
import tempfile
from pathlib import Path
from typing import Any

from bake_cases import AGENT, Definition
from peer_host import buildx


def printed(case: Definition) -> dict[str, Any]:
    """One recording (see `recordings`)."""
    with tempfile.TemporaryDirectory() as name, socket.socket(socket.AF_UNIX) as agent:
        directory = Path(name)
        case.write(directory)
        agent.bind(str(directory / AGENT))
        agent.listen()
        words = ["bake", *(word for path in case.paths for word in ("--file", path)), "--print", *case.names]
        done = buildx(words, directory, {"SSH_AUTH_SOCK": str(directory / AGENT), **case.env})
        if done.returncode:
            return {"error": done.stderr.split("ERROR: ")[-1].strip().replace(name, "DIRECTORY")}
        found: dict[str, Any] = json.loads(done.stdout)
        return found
