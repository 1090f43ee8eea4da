"""Runs a command as an ordinary user, made when missing, who can see the checkout and the interpreter of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

USER = "bake-test"
CHECKOUT = Path(__file__).parents[2]

# $1: the user, $2: directories that lie below ones that only root may enter, a line each. They are shown at their
# places, in this mount namespace only: kept aside, an empty directory laid over what hides them, and put back in it.
_SHELL = """
set -e
user=$1; hidden=$2; shift 2
if [ -n "$hidden" ]; then
    keep=$(mktemp -d /run/bake-test.XXXXXX)
    mount -t tmpfs none "$keep"
    number=0
    echo "$hidden" | while read -r directory; do
        number=$((number + 1)); mkdir "$keep/$number"; mount --rbind "$directory" "$keep/$number"
    done
    echo "$hidden" | cut -d/ -f2 | sort -u | while read -r top; do mount -t tmpfs -o mode=755 none "/$top"; done
    number=0
    echo "$hidden" | while read -r directory; do
        number=$((number + 1)); mkdir -p "$directory"; mount --rbind "$keep/$number" "$directory"
    done
    umount -l "$keep"; rmdir "$keep"
fi
exec setpriv --reuid "$user" --regid "$user" --init-groups --reset-env -- "$@"
"""


def ensure_user() -> None:
    """Makes the user; useradd grants it a range of subordinate ids."""
    if subprocess.run(["id", USER], capture_output=True, check=False).returncode != 0:
        subprocess.run(["useradd", "--create-home", USER], check=True)


def as_user(argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` as that user."""
    hidden = [str(path) for path in _outermost(CHECKOUT, Path(sys.prefix), Path(sys.base_prefix)) if _is_hidden(path)]
    env = [f"{name}={os.environ[name]}" for name in ("PYTHONPATH",) if name in os.environ]
    command = ["env", "PYTHONDONTWRITEBYTECODE=1", *env, *argv]
    return ["unshare", "--mount", "sh", "-c", _SHELL, "sh", USER, "\n".join(hidden), *command]


def _outermost(*paths: Path) -> list[Path]:
    return [path for path in dict.fromkeys(paths) if not any(other in path.parents for other in paths)]


def _is_hidden(path: Path) -> bool:
    return any(not parent.stat().st_mode & 0o001 for parent in path.parents if parent != Path("/"))
