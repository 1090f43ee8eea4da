"""Private ssh agents for `ssh` entries that name key files: a step gets an agent that knows these keys and no others.

The system's ssh-agent holds them, for the time of the run; ssh-add reads them, so every form of key works.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from shutil import rmtree

from bake.errors import Diagnostic, HostError, InputError, Span

_WAIT_S = 20
_HOLD = 'echo "$SSH_AGENT_PID"; exec cat'
"""What the agent lives as long as: it ends when our end of the pipe is closed, also if bake is killed."""


class KeyAgents:
    """The agents of one run, each started when first asked for; `close` ends them."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, ...], _Agent] = {}

    def socket(self, paths: Sequence[str], span: Span | None) -> str:
        """The agent's socket for `paths`: one socket of an agent as it is, or key files.

        Raises InputError for what is neither, HostError where the system has no ssh-agent.
        """
        if len(paths) == 1 and (not os.path.exists(paths[0]) or is_socket(paths[0])):
            return paths[0]
        for path in paths:
            if not Path(path).is_file():
                what = "is an agent's socket, and stands beside others" if is_socket(path) else "is no file"
                hint = "name one agent's socket, or files of private keys"
                raise InputError(Diagnostic("bad-ssh-key", f"ssh: {path} {what}", span, hint))
        key = tuple(paths)
        if key not in self._running:
            self._running[key] = agent = _Agent()
            agent.add(paths, span)
        return self._running[key].path

    def close(self) -> None:
        for agent in self._running.values():
            agent.close()
        self._running.clear()


class _Agent:
    """A running ssh-agent on a socket that only this user reaches."""

    def __init__(self) -> None:
        self._place = tempfile.mkdtemp(prefix="bake-ssh-")
        self.path = os.path.join(self._place, "agent")
        try:
            self._process = subprocess.Popen(
                ["ssh-agent", "-a", self.path, "sh", "-c", _HOLD],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            rmtree(self._place, ignore_errors=True)
            raise _no_program("ssh-agent") from None
        assert self._process.stdout is not None
        self._pid = int(self._process.stdout.readline() or 0)

    def add(self, paths: Sequence[str], span: Span | None) -> None:
        """Raises InputError for a file that ssh-add does not take, such as a key with a passphrase."""
        environment = {**os.environ, "SSH_AUTH_SOCK": self.path, "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"}
        try:
            done = subprocess.run(
                ["ssh-add", "-q", "--", *paths], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                text=True, check=False, timeout=_WAIT_S, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            raise _no_program("ssh-add") from None
        except subprocess.TimeoutExpired:
            raise _refused("ssh-add does not end", paths, span) from None
        if done.returncode:
            said = [line.strip() for line in done.stderr.splitlines() if line.strip(" @")]
            raise _refused(said[-1] if said else "no reason given", paths, span)

    def close(self) -> None:
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(_WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        rmtree(self._place, ignore_errors=True)


def is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def _no_program(name: str) -> HostError:
    return HostError(Diagnostic("no-ssh-program", f"there is no program {name} on this host",
                                hint="install openssh-client, or name the socket of a running agent"))  # fmt: skip


def _refused(why: str, paths: Sequence[str], span: Span | None) -> InputError:
    hint = "a key must have mode 600 and no passphrase; else add it to an agent and name that"
    return InputError(Diagnostic("bad-ssh-key", f"ssh: cannot load {', '.join(paths)}: {why}", span, hint))
