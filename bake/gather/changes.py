"""What changed in a git repository since a revision, and files as they were then; by the user's own git."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

from bake.errors import Diagnostic, InputError


class Repository:
    """The repository around `directory`. `top` is its real path."""

    def __init__(self, directory: str) -> None:
        """Raises InputError where there is no git or no repository."""
        self._directory = directory
        top = self._git("rev-parse", "--show-toplevel")
        if top is None:
            hint = "give the changed files by --files"
            raise InputError(Diagnostic("no-repository", f"{directory} is in no git repository", hint=hint))
        self.top = os.path.realpath(os.fsdecode(top.removesuffix(b"\n")))
        self._directory = self.top

    def commit(self, revision: str) -> str:
        """The id of the commit that `revision` names. Raises InputError."""
        found = None
        if not revision.startswith("-"):
            found = self._git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        if found is not None:
            return found.decode().strip()
        shallow = (self._git("rev-parse", "--is-shallow-repository") or b"").strip() == b"true"
        hint = "this clone is shallow: git fetch --unshallow, or fetch that revision" if shallow else "check --since"
        raise InputError(Diagnostic("unknown-revision", f"there is no revision '{revision}' here", hint=hint))

    def changed(self, commit: str) -> tuple[str, ...]:
        """Absolute paths that differ between `commit` and the working tree; new files too, unless git ignores them."""
        tracked = self._git("diff", "--name-only", "--no-renames", "-z", commit, "--")
        new = self._git("ls-files", "--others", "--exclude-standard", "-z")
        if tracked is None or new is None:
            raise InputError(Diagnostic("git-failed", f"git cannot compare with {commit[:12]}"))
        names = dict.fromkeys(os.fsdecode(name) for name in (tracked + new).split(b"\0") if name)
        return tuple(os.path.join(self.top, name) for name in names)

    def specs_at(self, commit: str, into: Path) -> None:
        """Writes all .toml files of `commit` below `into`, at their places."""
        archive = self._git("archive", "--format=tar", commit, "--", ":(glob)**/*.toml")
        if archive is None:
            return  # there was none
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None and ".." not in Path(member.name).parts:
                    path = into / member.name.lstrip("/")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content.read())

    def text_at(self, commit: str, path: str) -> str | None:
        """A file of `commit` by its path from the top; None if it has none there, or no text."""
        found = self._git("show", f"{commit}:{path}")
        try:
            return None if found is None else found.decode()
        except UnicodeDecodeError:
            return None

    def _git(self, *args: str) -> bytes | None:
        """None when it fails."""
        command = ["git", "-C", self._directory, *args]
        try:
            done = subprocess.run(command, capture_output=True, timeout=300, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None
