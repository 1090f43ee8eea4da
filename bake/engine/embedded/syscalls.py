"""mount, umount and the newer mount API by ctypes: Python has none of them. Only the helper process uses this.

Numbers are the same on x86_64 and arm64 (they were added after the tables were unified).
"""

from __future__ import annotations

import ctypes
import os

_FSOPEN, _FSCONFIG, _FSMOUNT, _MOVE_MOUNT = 430, 431, 432, 429
_SET_FLAG, _SET_STRING, _CREATE = 0, 1, 6
_EMPTY_PATH = 4
_AT_FDCWD = -100

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC = 4096, 16384
_MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_libc.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)
_libc.syscall.restype = ctypes.c_long


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    given = [os.fsencode(text) for text in (source, target, kind)]
    if _libc.mount(*given, flags, os.fsencode(data) or None) != 0:
        _raise(target)


def unmount(target: str) -> None:
    """Takes a mount away; if it is busy, detaches it."""
    if _libc.umount2(os.fsencode(target), 0) == 0:
        return
    if _libc.umount2(os.fsencode(target), _MNT_DETACH) != 0:
        _raise(target)


def fsmount(kind: str, options: list[tuple[str, str | None]], target: str, attributes: int = 0) -> None:
    """Mounts by fsopen(2); an option without value is a flag. Raises OSError with the kernel's reason."""
    context = _call(_FSOPEN, os.fsencode(kind), 1)
    try:
        try:
            for name, value in options:
                command = _SET_FLAG if value is None else _SET_STRING
                _call(_FSCONFIG, context, command, os.fsencode(name), None if value is None else os.fsencode(value), 0)
            _call(_FSCONFIG, context, _CREATE, None, None, 0)
            mounted = _call(_FSMOUNT, context, 1, attributes)
        except OSError as error:
            raise OSError(error.errno, _reason(context) or os.strerror(error.errno or 0)) from None
    finally:
        os.close(context)
    try:
        _call(_MOVE_MOUNT, mounted, b"", _AT_FDCWD, os.fsencode(target), _EMPTY_PATH)
    finally:
        os.close(mounted)


def _reason(context: int) -> str:
    """The kernel's message for the last failure, "" where there is none."""
    try:
        return os.read(context, 512).decode("utf-8", "replace").strip().removeprefix("e ")
    except OSError:
        return ""


def _call(number: int, *args: object) -> int:
    passed = [ctypes.c_long(arg) if isinstance(arg, int) else ctypes.c_char_p(arg) for arg in args]  # type: ignore[arg-type]
    result = int(_libc.syscall(ctypes.c_long(number), *passed))
    if result < 0:
        _raise("")
    return result


def _raise(target: str) -> None:
    code = ctypes.get_errno()
    raise OSError(code, os.strerror(code), target or None)
