"""The command line: parse, call `app`, choose a renderer, exit code.

No logic, and nothing is imported before it is needed.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

COMPLETE = "_BAKE_COMPLETE"
"""The variable by which a shell's completion script calls us."""
_ALLOCATIONS = 50_000
"""New objects between two searches for circular garbage. A command makes many objects at once and keeps them; with
Python's 700, a quarter of the time to load a large spec goes into looking through them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line (default: the process's own) and returns its exit code (SPEC §2). Never raises."""
    gc.set_threshold(_ALLOCATIONS)
    _write_anything()
    try:
        from bake.cli.group import root

        return int(root.main(list(sys.argv[1:] if argv is None else argv), "bake", standalone_mode=False) or 0)
    except SystemExit as exit:  # click ends so after completing for a shell, and when nobody reads the output
        from bake.cli.exits import READER_GONE

        return int(exit.code or 0) if COMPLETE in os.environ else READER_GONE
    except BaseException as exception:
        from bake.cli.errors import failures, show

        return show(failures(exception))
    finally:
        _flush()


def _write_anything() -> None:
    """File names and logs may hold what the terminal's encoding has not; that must not end a build."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _flush() -> None:
    """Flushes now, so that a reader that has gone (`bake list | head -1`) is no error while the interpreter ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # `>&-` leaves none
                stream.flush()
        except (OSError, ValueError):
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, stream.fileno())
            os.close(nothing)
