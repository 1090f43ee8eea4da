"""A command on a terminal: what it shows, its keys, its size, and our own terminal afterwards."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import struct
import subprocess
import tempfile
import termios
import threading
from contextlib import suppress

import pytest
from sandboxes import command, variants


class Terminal:
    """A pseudo-terminal on which a sandbox's process is run; `read` what it shows."""

    def __init__(self, tier: str, name: str, *args: str) -> None:
        self.ours, self.theirs = os.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("4H", 31, 77, 0, 0))
        self.before = termios.tcgetattr(self.theirs)
        self.directory = tempfile.mkdtemp(prefix="bake-sandbox-")
        request = json.dumps({"execution": {"terminal": True, "args": args}})
        take = ["setsid", "--ctty", "--wait"]
        self.process = subprocess.Popen(
            [*take, *command(tier, self.directory, name, request)],
            stdin=self.theirs, stdout=self.theirs, stderr=self.theirs,
        )  # fmt: skip

    def __enter__(self) -> Terminal:
        return self

    def until(self, wanted: bytes) -> None:
        shown = b""
        while wanted not in shown:
            assert select.select([self.ours], [], [], 60)[0], shown
            shown += os.read(self.ours, 1 << 16)

    def ended(self) -> tuple[int, bytes]:
        """The exit code and all that was shown since."""
        shown: list[bytes] = []
        reader = threading.Thread(target=lambda: shown.extend(iter(self._read, b"")))
        reader.start()
        code = self.process.wait(60)
        self.after = termios.tcgetattr(self.theirs)
        os.close(self.theirs)
        self.theirs = -1
        reader.join(60)
        return code, b"".join(shown)

    def _read(self) -> bytes:
        with suppress(OSError):  # EIO: nobody holds the other side
            return os.read(self.ours, 1 << 16)
        return b""

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        if self.theirs != -1:
            os.close(self.theirs)
        shutil.rmtree(self.directory, ignore_errors=True)


ON_TERMINALS = pytest.mark.parametrize(("tier", "name"), [row for row in variants() if row[0] != "single"])
RUNTIMES = pytest.mark.parametrize(
    ("tier", "name"), [row for row in variants() if row[0] != "single" and row[1] != "bubblewrap"]
)


@ON_TERMINALS
def test_interactive_on_a_terminal(tier: str, name: str) -> None:
    script = "test -t 0 && test -t 1 && echo terminal; exec 3<>/dev/tty && echo controlling; exit 6"
    with Terminal(tier, name, "/bin/sh", "-c", script) as terminal:
        code, shown = terminal.ended()
    assert b"terminal" in shown, shown
    if name == "bubblewrap":
        assert b"controlling" not in shown  # its reduction `terminal`
        assert code != 0
    else:
        assert code == 6 and b"controlling" in shown
    assert terminal.after == terminal.before


@RUNTIMES
def test_a_terminal_shows_all_that_a_program_writes_before_it_ends(tier: str, name: str) -> None:
    with Terminal(tier, name, "/bin/sh", "-c", "seq 1 20000") as terminal:
        code, shown = terminal.ended()
    assert code == 0
    assert [int(line) for line in shown.split()] == list(range(1, 20001))


@RUNTIMES
def test_keys_reach_the_program_and_it_knows_the_terminals_size(tier: str, name: str) -> None:
    resized = 'while test "$(stty size)" = "31 77"; do sleep 0.05; done; stty size'
    script = f"stty size; trap 'echo caught' INT; read x; {resized}; read y; echo got $x $y"
    with Terminal(tier, name, "/bin/sh", "-c", script) as terminal:
        terminal.until(b"31 77")
        os.write(terminal.ours, b"one\n")
        fcntl.ioctl(terminal.ours, termios.TIOCSWINSZ, struct.pack("4H", 22, 99, 0, 0))
        terminal.until(b"22 99")
        os.write(terminal.ours, b"\x03two\n")
        code, shown = terminal.ended()
    assert code == 0
    assert b"caught" in shown and b"got one two" in shown, shown
