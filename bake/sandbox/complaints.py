"""Why a container did not start: from what a runtime says to a sentence for a person (pure)."""

from __future__ import annotations

import re

import msgspec

_NOT_FOUND = re.compile(r"executable file .* not found in \$PATH|: stat .*: no such file|execvp .*: no such file", re.I)
_NOT_ALLOWED = re.compile(r'exec: ".*": permission denied|open executable|execvp .*: permission denied', re.I)
_LIMIT = re.compile(r"setrlimit|rlimits?\b", re.I)
_PREFIX = re.compile(r"^(runc run failed: |unable to start container process: |error during container init: )+")


class _Entry(msgspec.Struct):
    msg: str = ""
    level: str = "error"


def complaint(log: bytes, program: str) -> str:
    """What the last error in a JSON log says. `program` is what should have been started."""
    return readable(_last_error(log), program)


def readable(said: str, program: str) -> str:
    """An error of a runtime or of bubblewrap, the common ones in words of our own."""
    if _NOT_FOUND.search(said):
        where = "no such file" if "/" in program else "executable file not found in $PATH"
        return f'exec: "{program}": {where}'
    if _NOT_ALLOWED.search(said):
        return f'exec: "{program}": permission denied (is it a file with its executable bits set?)'
    if _LIMIT.search(said) and "not permitted" in said.lower():
        return f"{said} (a ulimit above what this user may have)"
    return said


def _last_error(log: bytes) -> str:
    said = ""
    for line in log.splitlines():
        try:
            entry = msgspec.json.decode(line, type=_Entry)
        except msgspec.DecodeError:
            continue
        if entry.level in ("error", "fatal"):
            said = entry.msg
    return _PREFIX.sub("", said) or "the runtime gave no reason"
