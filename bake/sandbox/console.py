"""A container's pseudo-terminal, joined to the terminal that bake is run on.

crun can join the two itself, but a program that ends at once has often written what crun 1.8 then never reads. So crun
is asked for the pseudo-terminal, by the socket that OCI runtimes have for it, and every byte is copied here.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import shutil
import signal
import socket
import tempfile
import termios
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from bake.sandbox.uninterrupted import uninterrupted

_STDIN, _STDOUT = 0, 1
_CHUNK = 1 << 16


@asynccontextmanager
async def console() -> AsyncIterator[str]:
    """The path of a socket, for a runtime's `--console-socket`. Leaving waits until all that came has been shown.

    Meanwhile our own terminal is raw: what its keys mean is for the container to say.
    """
    directory = tempfile.mkdtemp(prefix="bake-console-")  # short: a socket's path holds 107 bytes
    path = os.path.join(directory, "socket")
    ended, end = os.pipe()
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            joining = asyncio.create_task(_joined(listener, ended))
            try:
                yield path
            finally:
                os.close(end)
                await uninterrupted(_finished(joining))
    finally:
        os.close(ended)
        shutil.rmtree(directory, ignore_errors=True)


def console_size() -> dict[str, int]:
    """What an OCI configuration says of our terminal, so that the program finds its size right away."""
    with suppress(OSError):
        size = os.get_terminal_size(_STDIN)
        return {"height": size.lines, "width": size.columns}
    return {}


async def _finished(joining: asyncio.Task[None]) -> None:
    await joining


async def _joined(listener: socket.socket, ended: int) -> None:
    master = await asyncio.to_thread(_received, listener, ended)
    if master is None:
        return
    try:
        with _resized(master), _raw():
            await asyncio.to_thread(_copy, master, ended)
    finally:
        os.close(master)


def _received(listener: socket.socket, ended: int) -> int | None:
    """The handle that the runtime sends, None when it ends without."""
    if not _comes(listener, ended):
        return None
    with listener.accept()[0] as connection:
        if not _comes(connection, ended):
            return None
        _, handles, _, _ = socket.recv_fds(connection, _CHUNK, 1)
    return handles[0] if handles else None


def _comes(source: socket.socket, ended: int) -> bool:
    """Waits until something can be had; False when the runtime ends first."""
    poll = select.poll()
    poll.register(source, select.POLLIN)
    poll.register(ended, 0)
    return any(handle == source.fileno() for handle, _ in poll.poll())


def _copy(master: int, ended: int) -> None:
    """Both ways, until no program holds the pseudo-terminal, or the runtime has ended and all is read."""
    os.set_blocking(master, False)
    poll = select.poll()
    poll.register(ended, 0)
    poll.register(master, select.POLLIN)
    poll.register(_STDIN, select.POLLIN)
    typed = b""
    while True:
        ready = dict(poll.poll())
        open_still = _show(master) if master in ready or ended in ready else True
        if not open_still or ended in ready:
            return
        if ready.get(_STDIN):
            typed = _read(_STDIN)
            poll.unregister(_STDIN)  # until it is taken, or for good at its end
        if typed:
            typed = typed[_written(master, typed) :]
            poll.modify(master, select.POLLIN | (select.POLLOUT if typed else 0))
            if not typed:
                poll.register(_STDIN, select.POLLIN)


def _show(master: int) -> bool:
    """Shows what there is to read; False at the end."""
    while True:
        try:
            data = os.read(master, _CHUNK)
        except BlockingIOError:
            return True
        except OSError:  # EIO: nobody holds the other side
            return False
        if not data:
            return False
        _write_all(data)


def _write_all(data: bytes) -> None:
    while data:
        try:
            data = data[os.write(_STDOUT, data) :]
        except BlockingIOError:  # whoever shares our terminal may have made it so
            select.select([], [_STDOUT], [])


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, _CHUNK)
    except OSError:
        return b""


def _written(master: int, data: bytes) -> int:
    """How many bytes of it were taken."""
    try:
        return os.write(master, data)
    except BlockingIOError:
        return 0
    except OSError:
        return len(data)


@contextmanager
def _raw() -> Iterator[None]:
    """Puts our terminal into raw mode, and back as it was."""
    try:
        before = termios.tcgetattr(_STDIN)
    except termios.error:
        yield
        return
    tty.setraw(_STDIN, termios.TCSADRAIN)
    try:
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(_STDIN, termios.TCSADRAIN, before)


@contextmanager
def _resized(master: int) -> Iterator[None]:
    """The pseudo-terminal gets the size of ours, now and whenever that changes."""

    def resize() -> None:
        with suppress(OSError):
            fcntl.ioctl(master, termios.TIOCSWINSZ, fcntl.ioctl(_STDIN, termios.TIOCGWINSZ, bytes(8)))

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGWINCH, resize)
    try:
        resize()
        yield
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)
