"""One fuzz input through `bake.cli.main`, the function that the console script calls; and what may be wrong with it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from spec_fuzz import Input

from bake.cli import main

SECONDS = 30
"""What one input may take, on a loaded machine too; more is a hang."""
_PLACE = re.compile(r"^ *--> .*:\d+:\d+$", re.M)


class Hangs(BaseException):
    """No Exception, so that nothing in bake catches it."""


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


def run(input: Input, directory: Path) -> Outcome:
    """Writes the files, runs the command line there, and removes the files. Raises Hangs."""
    out, err = io.StringIO(), io.StringIO()
    for name, data in input.files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    before = os.getcwd()
    os.chdir(directory)
    try:
        with _limit(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(input.argv)
    finally:
        os.chdir(before)
        for each in directory.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    return Outcome(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _limit() -> Iterator[None]:
    def hangs(_signal: int, _frame: FrameType | None) -> None:
        raise Hangs

    old = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


def problem(input: Input, outcome: Outcome) -> str:
    """What is wrong with how bake took the input; "" when all is well."""
    said = outcome.out + outcome.err
    if "Traceback" in said or "internal-error" in said:
        return f"a defect: {said[-2000:]}"
    if outcome.code not in (0, 2):
        return f"exit code {outcome.code}: {said[-2000:]}"
    if outcome.code == 0:
        return "TOML itself refuses it, and bake took it" if input.is_surely_invalid else ""
    if not has_place(input, outcome):
        return f"no diagnostic has a place: {said[-2000:]}"
    return ""


def has_place(input: Input, outcome: Outcome) -> bool:
    """Whether an error says file, line and column, in the form that was asked for."""
    if "json" in input.argv:
        rows = json.loads(outcome.out or "[]")
        return any(row["severity"] == "error" and row["file"] and row["line"] and row["column"] for row in rows)
    if "sarif" in input.argv:
        (run_,) = json.loads(outcome.out)["runs"]
        return any(
            place["physicalLocation"]["region"]["startColumn"]
            for row in run_["results"]
            if row["level"] == "error"
            for place in row.get("locations", ())
        )
    return bool(_PLACE.search(outcome.out + outcome.err))
