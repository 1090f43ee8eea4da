"""The build context of a target and the directories it names, with their ignore files (reference/dockerfile.md §12)."""

from __future__ import annotations

from functools import lru_cache
from posixpath import dirname, relpath
from typing import Protocol

from bake.dockerfile.ignore import BadPattern, parse_patterns
from bake.errors import Diagnostic, InputError, Source, Span, nearest
from bake.plan.bases import parse_context
from bake.plan.facts import join
from bake.plan.remote import Asking, RemoteContext, text
from bake.plan.step import LocalOp, StepId
from bake.spec.target import Target


class MainContext(Protocol):
    """What COPY reads by itself. Paths are relative to it; all methods raise Open while facts are missing."""

    def step(self) -> StepId:
        """The tree, or the state, that COPY reads."""

    def text(self, path: str) -> str | None:
        """A file of the context, None where there is none."""

    def shown(self, path: str) -> str:
        """How messages name a file of the context."""

    def time(self) -> int | None:
        """When it was made, in unix seconds; None where nothing tells."""


def main_context(asking: Asking, target: Target, pull: bool, keep_git_dir: bool) -> MainContext:
    """Raises InputError for a form that only named contexts may have."""
    place = target.span("context")
    spec = parse_context("context", target.context, place)
    if spec.kind == "directory":
        return LocalContext(asking, target)
    if spec.kind in ("git", "http"):
        return RemoteContext(asking, spec, place, pull, keep_git_dir)
    message = f"unsupported build context '{target.context}'"
    hint = "a directory, a git or a web URL; as one of `contexts` this would work"
    raise InputError(Diagnostic("unsupported-context", message, place, hint))


class LocalContext:
    """A directory of this host, less what its ignore file leaves out: the Dockerfile's own, else `.dockerignore`."""

    def __init__(self, asking: Asking, target: Target) -> None:
        self.root = join(target.root, target.context)
        self._asking = asking
        self._target = target
        own = [] if target.dockerfile_inline is not None else [f"{join(self.root, target.dockerfile)}.dockerignore"]
        self._ignore = [*own, f"{self.root}/.dockerignore"]
        for path in self._ignore:  # asked with the Dockerfile, so that one round of answers is enough
            if own and path not in asking.facts.texts:
                asking.needs.texts[path] = None

    def step(self) -> StepId:
        return _directory(self._asking, self.root, self._ignore, self._target)

    def text(self, path: str) -> str | None:
        return text(self._asking, join(self.root, path))

    def shown(self, path: str) -> str:
        return _shown(join(self.root, path), self._target)

    def time(self) -> int | None:
        return None

    def absent(self) -> Diagnostic | None:
        """What to say where there is no such directory. Raises Open."""
        if text(self._asking, f"{self.root}/") is not None:
            return None
        target, (parent, _, name) = self._target, self.root.rpartition("/")
        names = (text(self._asking, f"{parent}/") or "").splitlines()
        message = f"there is no directory {self.shown('')}"
        if name in names:
            message = f"the context {self.shown('')} is not a directory"
        near = nearest(f"{name}/", [each for each in names if each.endswith("/")])
        hint = "`context` is relative to the file that says it"
        if near is not None:
            hint = f"did you mean `{join(dirname(target.context), near)}`?"
        span = target.span("context") or target.span("")
        return Diagnostic("no-context", f"target '{target.name}': {message}", span, hint)


def named_directory(asking: Asking, target: Target, path: str) -> StepId:
    """A directory among a target's `contexts`, with the ignore file in its own root. Raises Open."""
    root = join(target.root, path)
    return _directory(asking, root, [f"{root}/.dockerignore"], target)


def _directory(asking: Asking, root: str, ignore: list[str], target: Target) -> StepId:
    texts = [(path, text(asking, path)) for path in ignore]
    found = next(((path, written) for path, written in texts if written is not None), None)
    patterns = _patterns(_shown(found[0], target), found[1]) if found else ()
    return asking.graph.add(LocalOp(root, patterns))


def _shown(path: str, target: Target) -> str:
    """From the workspace's directory: the name of an included file's target tells where that file is."""
    shown = join(target.name.rpartition(":")[0], relpath(path, target.root))
    return path if shown.startswith("../..") else shown


@lru_cache(maxsize=1024)
def _patterns(name: str, written: str) -> tuple[str, ...]:
    try:
        return tuple(parse_patterns(written))
    except BadPattern as error:
        source = Source(name, written)
        place = Span(source, error.line, 1, error.line, len(source.line(error.line)) + 1)
        hint = "escape `[` with a backslash; `!` alone takes nothing back"
        raise InputError(Diagnostic("bad-ignore-pattern", str(error), place, hint)) from None
