"""Where the peer says that a Dockerfile is wrong: the lines that it marks, and its message."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from buildkit_daemon import Daemon
from peer_host import buildx

HERE = Path(__file__).parent
ERRORS = HERE / "errors.json"
sys.path.insert(0, str(HERE.parent / "differential"))

from diff_cases import CASES, Case, bases, load  # noqa: E402
from diff_subject import write_cases  # noqa: E402

_MARKED = re.compile(r"^ +(\d+) \| >>>", re.M)
_CHANGING = re.compile(r"ref \S+: |/\S*buildkit\d+")


def error_cases() -> list[Case]:
    return load(CASES / "errors.toml")


def prepare(root: Path, daemon: Daemon) -> None:
    """Writes all cases below `root`, and builds the images that they start FROM."""
    write_cases(root, error_cases())
    for base in bases():
        words = ["build", "--network=none", "--provenance=false", f"--tag={base.name}", str(root / base.name)]
        done = buildx(words, root, daemon=daemon)
        assert done.returncode == 0, done.stderr


def said(case: Case, root: Path, daemon: Daemon) -> dict[str, Any]:
    """`lines`: the first and the last that are marked, none where none are; `error`: "" for one that is built."""
    words = ["build", "--network=none", "--progress=plain"]
    words += [word for key, value in case.args.items() for word in ("--build-arg", f"{key}={value}")]
    words += [f"--target={case.target}"] if case.target else []
    done = buildx([*words, str(root / case.name)], root, daemon=daemon)
    marked = [int(number) for number in _MARKED.findall(done.stderr)]
    message = done.stderr.split("ERROR: ")[-1].strip().split("\n")[0] if done.returncode else ""
    message = message.removeprefix("failed to build: failed to solve: ")
    return {"lines": [marked[0], marked[-1]] if marked else [], "error": _CHANGING.sub("", message)}
