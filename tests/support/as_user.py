"""Runs a command as an ordinary user, made when missing, who can see the interpreter that runs the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

USER = "bake-test"

_SHELL = """
set -e
hidden=$1; user=$2; shift 2
if [ -n "$hidden" ]; then
    # The interpreter lies below a directory that only root may enter: show that one directory, in this namespace only.
    keep=/run/bake-test.$$
    mkdir -p $keep; mount -t tmpfs none $keep; mkdir $keep/dir; mount --rbind "$hidden" $keep/dir
    top=/$(echo "$hidden" | cut -d/ -f2); mount -t tmpfs -o mode=755 none $top
    mkdir -p "$hidden"; mount --rbind $keep/dir "$hidden"; umount -l $keep; rmdir $keep
fi
exec setpriv --reuid "$user" --regid "$user" --init-groups --reset-env -- "$@"
"""


def ensure_user() -> None:
    """Makes the user; useradd grants it a range of subordinate ids."""
    if subprocess.run(["id", USER], capture_output=True, check=False).returncode != 0:
        subprocess.run(["useradd", "--create-home", USER], check=True)


def as_user(argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` as that user."""
    prefix = Path(sys.base_prefix)
    closed = [p for p in prefix.parents if p != Path("/") and not p.stat().st_mode & 0o001]
    hidden = str(prefix) if closed else ""
    env = [f"{name}={os.environ[name]}" for name in ("PYTHONPATH",) if name in os.environ]
    command = ["env", "PYTHONDONTWRITEBYTECODE=1", *env, *argv]
    return ["unshare", "--mount", "sh", "-c", _SHELL, "sh", hidden, USER, *command]
