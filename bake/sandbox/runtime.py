"""Runs a step by an OCI runtime, crun or runc: writes the bundle, drives `run`, kills and cleans up."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from shutil import rmtree

import msgspec

from bake.ports.sandbox import Execution, StartFailed
from bake.sandbox.cgroups import CRUN_OPTION, covered
from bake.sandbox.child import Child, Output, succeeds
from bake.sandbox.complaints import complaint
from bake.sandbox.config import Rights, runtime_config
from bake.sandbox.console import console, console_size
from bake.sandbox.subject import enter, identity_of
from bake.sandbox.uninterrupted import uninterrupted

_KILL_SECONDS = 5.0
_PAUSE = 0.05
_GATE_PAUSE = 0.002


@dataclass(frozen=True, slots=True)
class Runtime:
    """crun or runc at `binary`. With `cure` cgroups are hidden from it (see cgroups.py).

    `lends_console`: it can hand out a container's pseudo-terminal and wait for its end all the same (crun), so that we
    join it to ours (see console.py). `reductions`: see reductions.py.
    """

    name: str
    binary: str
    rights: Rights
    cure: bool = False
    lends_console: bool = False
    reductions: Mapping[str, str] = field(default_factory=dict)

    async def run(self, root: str, execution: Execution, scratch: str, output: Output | None) -> int:
        """See ports.sandbox.Sandbox."""
        identity = identity_of(root, execution, self.rights.ids)
        entered = enter(root, execution, identity)
        try:
            config = runtime_config(root, entered, identity, self.rights)
            if execution.terminal and (size := console_size()):
                config["process"]["consoleSize"] = size
            encoded = msgspec.json.encode(config)
        except ValueError as error:
            raise StartFailed(_unfit(error)) from None
        container = _Container(self, scratch, execution.args[0] if execution.args else "")
        try:
            if not (execution.terminal and self.lends_console):
                return await container.run(encoded, output)
            async with console() as socket:
                return await container.run(encoded, output, ("--console-socket", socket))
        finally:
            container.clean()

    def command(self, state: str, *args: str) -> list[str]:
        """A command line of the runtime with its state in the directory `state`."""
        options = [CRUN_OPTION] if self.cure else []
        argv = [self.binary, *options, "--root", state, *args]
        return covered(argv) if self.cure else argv


class _Container:
    """One container. Its id is unique on this host: runc makes cgroups of that name."""

    def __init__(self, runtime: Runtime, scratch: str, program: str) -> None:
        self._runtime = runtime
        self._program = program
        self._id = f"bake-{secrets.token_hex(8)}"
        self._bundle = os.path.join(scratch, "bundle")
        self._state = os.path.join(scratch, "state")
        self._log = os.path.join(scratch, "log")
        self._pid = os.path.join(scratch, "pid")

    async def run(self, config: bytes, output: Output | None, options: Sequence[str] = ()) -> int:
        os.mkdir(self._bundle, 0o700)
        with open(os.path.join(self._bundle, "config.json"), "xb") as file:
            file.write(config)
        child = await Child.start(self._run_command(options), output, self._is_from_container)
        try:
            code = await child.wait()
        except BaseException:
            await uninterrupted(self._end(child))
            raise
        if not os.path.exists(self._pid):
            raise StartFailed(complaint(_read(self._log), self._program))
        return code

    def _run_command(self, options: Sequence[str]) -> Sequence[str]:
        log = ("--log", self._log, "--log-format", "json")
        return self._runtime.command(
            self._state, *log, "run", *options, "--pid-file", self._pid, "--bundle", self._bundle, self._id
        )

    async def _is_from_container(self, child: Child) -> bool:
        """The runtime itself writes to stderr only when nothing was started: that is told by StartFailed instead."""
        while not os.path.exists(self._pid):
            if child.ended:
                return os.path.exists(self._pid)
            await asyncio.sleep(_GATE_PAUSE)
        return True

    async def _end(self, child: Child) -> None:
        """Kills the container, however far it has come: before it exists the runtime refuses to kill it, so again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_KILL_SECONDS):
                while not child.ended:
                    await succeeds(self._runtime.command(self._state, "kill", self._id, "KILL"), _KILL_SECONDS)
                    await child.ended_within(_PAUSE)
        child.kill()
        await succeeds(self._runtime.command(self._state, "delete", "--force", self._id), _KILL_SECONDS)
        await child.ended_within(_KILL_SECONDS)
        child.drop_output()

    def clean(self) -> None:
        """Leaves the scratch directory empty."""
        for path in (self._bundle, self._state):
            rmtree(path, ignore_errors=True)
        for path in (self._log, self._pid):
            with suppress(FileNotFoundError):
                os.unlink(path)


def _unfit(error: ValueError) -> str:
    """A text that is no UTF-8 does not fit into a runtime's configuration; its content may be a secret."""
    return "the command or environment is not UTF-8" if isinstance(error, UnicodeEncodeError) else str(error)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
