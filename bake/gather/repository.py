"""Facts of the git repository around a directory, by the user's own git (reference/libraries.md)."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping


def git_facts(directory: str) -> Mapping[str, str]:
    """`sha short branch tag dirty time`, those that there are; none outside of a repository or without git.

    `dirty` is `true` or `false`; `tag` is the one that points at the commit, `time` the committer's, RFC 3339.
    """
    status = _git(directory, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    if status is None:
        return {}
    heads = dict(line[2:].split(" ", 1) for line in status.splitlines() if line.startswith("# branch."))
    sha = heads.get("branch.oid", "")
    sha = "" if sha == "(initial)" else sha
    branch = heads.get("branch.head", "")
    dirty = any(not line.startswith("#") for line in status.splitlines())
    facts = {
        "sha": sha,
        "short": sha[:7],
        "branch": "" if branch == "(detached)" else branch,
        "tag": (_git(directory, "describe", "--tags", "--exact-match") or "").strip() if sha else "",
        "dirty": "true" if dirty else "false",
        "time": (_git(directory, "log", "-1", "--format=%cI") or "").strip() if sha else "",
    }
    return {name: value for name, value in facts.items() if value}


def _git(directory: str, *args: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", directory, *args], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
