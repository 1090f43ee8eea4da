"""A defect of bake: kept whole in a file, told in two lines."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from bake.cli.exits import DEFECT
from bake.errors import BakeError, Diagnostic


class Defect(BakeError):
    """An exception that nobody expected."""

    exit_code = DEFECT

    @classmethod
    def of(cls, exception: BaseException) -> Defect:
        """With BAKE_DEBUG set the traceback goes to stderr, else into a file."""
        trace = "".join(traceback.format_exception(exception))
        message = f"this is a defect of bake, not of your build: {_named(exception)}"
        if os.environ.get("BAKE_DEBUG"):
            sys.stderr.write(trace)
            return cls(Diagnostic("defect", message, hint="please report it with the lines above"))
        path = _keep(trace, os.environ)
        hint = f"please report it with {path}" if path else "BAKE_DEBUG=1 shows where it happened"
        return cls(Diagnostic("defect", message, hint=hint))


def _named(exception: BaseException) -> str:
    lines = str(exception).splitlines()
    return f"{type(exception).__name__}: {lines[0][:200]}" if lines else type(exception).__name__


def _without_values(words: Sequence[str]) -> str:
    """The command line; what was set to what may be secret."""
    return " ".join(f"{word.partition('=')[0]}=…" if "=" in word else word for word in words)


def _keep(trace: str, environment: Mapping[str, str]) -> Path | None:
    """Writes the trace under `$XDG_STATE_HOME/bake`, else in the directory for temporary files; None if neither can."""
    import tempfile
    from platform import platform

    from bake import __version__

    head = f"bake {__version__}, Python {sys.version.split()[0]}, {platform()}\n{_without_values(sys.argv)}\n\n"
    home = Path(environment.get("XDG_STATE_HOME") or Path(environment.get("HOME") or "/nonexistent", ".local", "state"))
    for directory in (home / "bake", Path(tempfile.gettempdir())):
        try:
            directory.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(".txt", "defect-", directory)
            with os.fdopen(handle, "w", errors="backslashreplace") as file:
                file.write(head + trace)
            return Path(name)
        except OSError:
            continue
    return None
