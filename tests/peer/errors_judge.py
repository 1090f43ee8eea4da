"""Where the peer says that a Dockerfile is wrong: the lines that it marks, and its message."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
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
_WRAPPED = re.compile(r"^(?:failed to (?:build|solve|run Build function): )+")
_CHANGING = re.compile(r"ref \S+: |/\S*buildkit\d+")


def error_cases() -> list[Case]:
    """Those of all tables whose names begin so."""
    return [case for path in sorted(CASES.glob("errors*.toml")) for case in load(path)]


def prepare(root: Path, daemon: Daemon, cases: Sequence[Case]) -> None:
    """Writes the cases below `root`, and builds the images that they start FROM."""
    write_cases(root, cases)
    for base in bases():
        words = ["build", "--network=none", "--provenance=false", f"--tag={base.name}", str(root / base.name)]
        done = buildx(words, root, daemon=daemon)
        assert done.returncode == 0, done.stderr


def said(case: Case, root: Path, daemon: Daemon) -> dict[str, Any]:
    """`lines`: the first and the last that are marked, none where none are; `error`: "" for one that is built."""
    words = ["build", "--network=none", "--progress=plain"]
    words += [word for key, value in case.args.items() for word in ("--build-arg", f"{key}={value}")]
    words += [f"--target={case.target}"] if case.target else []
    words += [f"--build-context={name}={root / case.name / given}" for name, given in case.contexts.items()]
    words += [f"--secret=id={key},src={root / case.name / path}" for key, path in case.secrets.items()]
    done = buildx([*words, str(root / case.name)], root, daemon=daemon)
    marked = [int(number) for number in _MARKED.findall(done.stderr)]
    message = done.stderr.split("ERROR: ")[-1].strip().split("\n")[0] if done.returncode else ""
    message = _WRAPPED.sub("", message)
    return {"lines": [min(marked), max(marked)] if marked else [], "error": _CHANGING.sub("", message)}
