"""A step in a container of an OCI runtime: crun or runc, driven by their command line (reference/engine.md §1)."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from bake.ports import Execution, StartFailed
from bake.sandbox.config import runtime_config
from bake.sandbox.users import ids_of, read_in

Output = Callable[[str, bytes], None]

_CHUNK = 1 << 16
_PATIENCE = 5.0  # seconds for a killed container to end
_LINGER = 2.0  # seconds for output still in the pipe when the container is gone


@dataclass(frozen=True)
class Runtime:
    """`ports.Sandbox` by the program at `path`; `options` come before its command."""

    name: str
    path: str
    options: tuple[str, ...] = ()
    rootless: bool = False

    async def run(self, root: str, execution: Execution, scratch: str, output: Output | None) -> int:
        """See ports.Sandbox."""
        ids = ids_of(execution.user, read_in(root, "/etc/passwd"), read_in(root, "/etc/group"))
        container = _Container(self, f"bake-{uuid4().hex[:12]}", scratch)
        container.prepare(runtime_config(root, execution, ids, rootless=self.rootless))
        return await container.run(output)


class _Container:
    """One run. `scratch` holds the bundle, the runtime's state, its log and its pid file."""

    def __init__(self, runtime: Runtime, name: str, scratch: str) -> None:
        self._runtime = runtime
        self._name = name
        self._bundle = os.path.join(scratch, "bundle")
        self._state = os.path.join(scratch, "state")
        self._log = os.path.join(scratch, "log")
        self._pid = os.path.join(scratch, "pid")

    def prepare(self, config: dict[str, object]) -> None:
        os.makedirs(self._bundle)
        os.makedirs(self._state)
        with open(os.path.join(self._bundle, "config.json"), "w") as file:
            json.dump(config, file)

    def _command(self, *words: str) -> list[str]:
        log = ["--log", self._log, "--log-format", "json"]
        return [self._runtime.path, "--root", self._state, *log, *self._runtime.options, *words]

    async def run(self, output: Output | None) -> int:
        pipe = None if output is None else asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *self._command("run", "--bundle", self._bundle, "--pid-file", self._pid, self._name),
            stdin=None if output is None else asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
        )
        readers = [
            asyncio.create_task(_forward(stream, name, output))
            for stream, name in ((process.stdout, "stdout"), (process.stderr, "stderr"))
            if stream is not None and output is not None
        ]
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            await asyncio.shield(self._end(process))
            raise
        finally:
            await _drain(readers)
            self._remove()
        if not os.path.exists(self._pid):
            raise StartFailed(self._reason())
        return code if code >= 0 else 128 - code

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Kills the whole pid namespace, then what is left of the runtime."""
        await _quiet(self._command("kill", self._name, "KILL"))
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _PATIENCE)
        with suppress(ProcessLookupError):
            process.kill()
        await _quiet(self._command("delete", "--force", self._name))

    def _remove(self) -> None:
        shutil.rmtree(self._state, ignore_errors=True)
        shutil.rmtree(self._bundle, ignore_errors=True)

    def _reason(self) -> str:
        """The runtime's last error, without its own ceremony."""
        with suppress(OSError), open(self._log, errors="replace") as file:
            messages = [m for line in file if (m := _message(line))]
            if messages:
                return _readable(messages[-1])
        return f"{self._runtime.name} gave no reason"


def _message(line: str) -> str:
    with suppress(ValueError):
        row = json.loads(line)
        if isinstance(row, dict) and row.get("level") in ("error", "fatal", None):
            return str(row.get("msg", ""))
    return ""


def _readable(message: str) -> str:
    for start in ("runc run failed: ", "unable to start container process: ", "container_linux.go"):
        message = message.removeprefix(start)
    return message.removeprefix("exec: ").strip()


async def _forward(stream: asyncio.StreamReader, name: str, output: Output) -> None:
    while chunk := await stream.read(_CHUNK):
        output(name, chunk)


async def _drain(readers: list[asyncio.Task[None]]) -> None:
    """Waits for the end of the output, not for processes that hold the pipe for no reason."""
    if not readers:
        return
    _, pending = await asyncio.wait(readers, timeout=_LINGER)
    for reader in pending:
        reader.cancel()


async def _quiet(command: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _PATIENCE)
    with suppress(ProcessLookupError):
        process.kill()
