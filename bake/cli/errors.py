"""Where every failure ends: as diagnostics on stderr and an exit code, never as a traceback.

What is not a BakeError is a defect of bake. Its traceback goes into a file, or on the screen with BAKE_DEBUG=1.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Iterator, Sequence

import click

from bake.cli.defect import Defect
from bake.cli.exits import READER_GONE
from bake.cli.usage import usage_error
from bake.errors import BakeError, Diagnostic, HostError, Interrupted, StepFailed

_HOST = {
    errno.ENOSPC: ("disk-full", "no space left on the device", "`bake cache prune` frees space in the store"),
    errno.EDQUOT: ("disk-full", "the disk quota is used up", "`bake cache prune` frees space in the store"),
    errno.EROFS: ("read-only", "the file system is read-only", None),
    errno.EMFILE: ("open-files", "too many open files", "raise the limit (`ulimit -n`) or use fewer jobs (-j)"),
    errno.ENFILE: ("open-files", "this host has too many open files", None),
    errno.EIO: ("io-error", "the device reports an input/output error", None),
    errno.ENOMEM: ("memory", "out of memory", "use fewer jobs (-j)"),
}


class ReaderGone(BakeError):
    """Nobody reads the output any more: nothing to say."""

    exit_code = READER_GONE


def failures(exception: BaseException) -> tuple[BakeError, ...]:
    """Any exception as expected failures, groups flattened. Raises nothing."""
    return tuple(dict.fromkeys(_failure(leaf) for leaf in _leaves(exception)))


def untold(errors: Sequence[BakeError]) -> tuple[BakeError, ...]:
    """Without the steps whose process ended badly: the renderer has shown their place, code and last lines.

    Why a step did not even start, or took too long, is in its error alone.
    """
    return tuple(e for e in errors if not (isinstance(e, StepFailed) and e.exit_code_of_step is not None))


def show(errors: Sequence[BakeError]) -> int:
    """Prints the diagnostics of `errors` to stderr; returns the exit code, the highest one."""
    from bake.render.diagnostics import render
    from bake.render.style import style_for

    found = list(_once(diagnostic for error in errors for diagnostic in error.diagnostics))
    try:
        if sys.stderr is not None:
            sys.stderr.write(render(found, style_for(sys.stderr, os.environ)))
            sys.stderr.flush()
    except (OSError, ValueError):  # nobody is there to be told
        pass
    return max((error.exit_code for error in errors), default=0)


def _once(diagnostics: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Each once: two targets may have failed for one and the same reason."""
    seen: list[Diagnostic] = []
    for diagnostic in diagnostics:
        if diagnostic not in seen:
            seen.append(diagnostic)
            yield diagnostic


def _leaves(exception: BaseException) -> Iterator[BaseException]:
    if isinstance(exception, BaseExceptionGroup):
        for inner in exception.exceptions:
            yield from _leaves(inner)
    else:
        yield exception


def _failure(exception: BaseException) -> BakeError:
    if isinstance(exception, BakeError):
        return exception
    if isinstance(exception, KeyboardInterrupt | click.Abort):
        return Interrupted(())  # who did it knows
    if isinstance(exception, BrokenPipeError):
        return ReaderGone(())
    if isinstance(exception, click.ClickException):
        return usage_error(exception)
    if isinstance(exception, OSError) and exception.errno in _HOST:
        code, message, hint = _HOST[exception.errno]
        where = f": {exception.filename}" if exception.filename else ""
        return HostError(Diagnostic(code, f"{message}{where}", hint=hint))
    return Defect.of(exception)
