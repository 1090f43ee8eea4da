"""A checked-out tree as a source: without git's own files, with the modes and the one time that a build sees."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from bake.gather.scan import scan
from bake.plan.step import CopyAction, LocalOp
from bake.plan.tree import Tree
from bake.ports.files import Files

_ALL = CopyAction(0, "/", "/")


def tree_of(directory: str, files: Files) -> Tree:
    """Everything in it, with digests."""
    return scan(LocalOp(directory), (_ALL,), files)


def drop_git_files(tree: Path) -> None:
    """The repository, and the `.git` files of submodules."""
    for directory, below, files in os.walk(tree):
        if ".git" in below:
            below.remove(".git")
            shutil.rmtree(os.path.join(directory, ".git"))
        if ".git" in files:
            os.unlink(os.path.join(directory, ".git"))


def settle(tree: Path, time: int) -> None:
    """Files 0644 or 0755, directories 0755, all with the commit's time: so each checkout is the same."""
    for directory, below, files in os.walk(tree, topdown=False):
        for name in (*files, *below):
            path = os.path.join(directory, name)
            mode = os.lstat(path).st_mode
            if not stat.S_ISLNK(mode):
                os.chmod(path, 0o755 if stat.S_ISDIR(mode) or mode & 0o100 else 0o644)
            os.utime(path, (time, time), follow_symlinks=False)
    os.utime(tree, (time, time))
