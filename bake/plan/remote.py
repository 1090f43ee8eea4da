"""Contexts that are no directory of this host: git trees and URLs, and their texts (reference/dockerfile.md §13)."""

from __future__ import annotations

from typing import Protocol

from bake.errors import Diagnostic, InputError, Span
from bake.plan.bases import ContextSpec
from bake.plan.facts import Facts, GitFact, Needs, UrlFact
from bake.plan.git_url import parse_git_url
from bake.plan.graph import Graph
from bake.plan.select import SourceMissing, resolve
from bake.plan.step import CopyAction, CopyOp, GitOp, HttpOp, ScratchOp, StepId

FILE = "context"
"""The name of what a URL serves that is no archive."""
MEMBER = "!/"
"""Between the digest of an archive and the path in it, as a key of `Facts.texts`."""


class Open(Exception):
    """Lowering stopped at a question of `Needs` that has no answer yet."""


class Asking(Protocol):
    """Where facts come from and questions go; the compiler is one."""

    graph: Graph
    facts: Facts
    needs: Needs

    @property
    def asker(self) -> str:
        """The target that is being lowered."""


def git_of(spec: ContextSpec, span: Span | None, keep: bool = False) -> GitOp:
    """What a git context checks out. Raises InputError."""
    try:
        return parse_git_url(spec.value, keep or None)
    except ValueError as error:
        raise InputError(Diagnostic("bad-git-url", f"{spec.value}: {error}", span)) from None


def git_fact(asking: Asking, op: GitOp, pull: bool) -> GitFact:
    """Raises Open while it is not known."""
    fact = asking.facts.gits.get(op)
    if fact is None:
        ask_git(asking, op, pull)
        raise Open
    return fact


def ask_git(asking: Asking, op: GitOp, pull: bool) -> None:
    """Puts the question."""
    asking.needs.gits[op] = asking.needs.gits.get(op, False) or pull
    asking.needs.askers.setdefault(op, {})[asking.asker] = None


def url_fact(asking: Asking, op: HttpOp, pull: bool) -> UrlFact:
    """Raises Open while it is not known."""
    fact = asking.facts.urls.get(op)
    if fact is None:
        asking.needs.urls[op] = asking.needs.urls.get(op, False) or pull
        raise Open
    return fact


def time_of(asking: Asking, op: GitOp | HttpOp, pull: bool) -> int | None:
    """When it was made, in unix seconds: the commit's time, or what the server says (§11). Raises Open."""
    if isinstance(op, GitOp):
        return git_fact(asking, op, pull).time
    return int(url_fact(asking, op, pull).time) or None


def text(asking: Asking, key: str) -> str | None:
    """A text of `Facts.texts`. Raises Open while it is not known."""
    if key not in asking.facts.texts:
        asking.needs.texts[key] = None
        raise Open
    return asking.facts.texts[key]


class RemoteContext:
    """A main context that is no directory of this host. No ignore file counts in it (§12)."""

    def __init__(
        self, asking: Asking, spec: ContextSpec, span: Span | None, pull: bool, keep_git_dir: bool = False
    ) -> None:
        self._asking = asking
        self._pull = pull
        self._op = git_of(spec, span, keep_git_dir) if spec.kind == "git" else HttpOp(spec.value, FILE)

    def step(self) -> StepId:
        """The tree that COPY reads. Raises Open."""
        source = self._asking.graph.add(self._op)
        if isinstance(self._op, GitOp):
            git_fact(self._asking, self._op, self._pull)
            return source
        if not url_fact(self._asking, self._op, self._pull).archive:
            return source
        unpack = CopyOp((CopyAction(1, f"/{FILE}", "/", unpack=True),))
        return self._asking.graph.add(unpack, (self._asking.graph.add(ScratchOp()), source))

    def shown(self, path: str) -> str:
        """How messages name a file of the context."""
        return path

    def text(self, path: str) -> str | None:
        """A file of the context, links followed inside it; of a URL that is no archive, what it serves. Raises Open."""
        if isinstance(self._op, GitOp):
            fact = git_fact(self._asking, self._op, self._pull)
            try:
                real = resolve(fact.tree, path)
            except SourceMissing:
                return None
            entry = fact.tree.get(real)
            return text(self._asking, f"{fact.directory}/{real}") if entry and entry.kind == "f" else None
        served = url_fact(self._asking, self._op, self._pull)
        return text(self._asking, f"{served.digest}{MEMBER}{path if served.archive else ''}")

    def time(self) -> int | None:
        """As `time_of`."""
        return time_of(self._asking, self._op, self._pull)
