"""Git sources → a checked-out tree in the store, by the `git` program (reference/dockerfile.md §8.7).

A reference is looked up once a run; a commit that is in the store is never asked for again (SPEC §3.7). What is checked
out belongs to a stranger: no hooks, no configuration of this host, no protocols but those that a URL may name.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bake.errors import Diagnostic, RemoteError, StepError
from bake.gather.git_program import NO_LOGIN, GitFailed, GitProgram, Login
from bake.gather.git_tree import drop_git_files, settle, tree_of
from bake.gather.kept import kept
from bake.plan.facts import GitFact
from bake.plan.git_url import is_commit
from bake.plan.step import GitOp
from bake.plan.tree import digest_of
from bake.ports.store import Store

Warn = Callable[[Diagnostic], None]

USED = "used checkout"
"""Kind of the facts that say which checkout a URL and a ref came to last: what a prune leaves."""


class _Checkout(msgspec.Struct, frozen=True):
    """`content` is the digest of the whole tree, `time` the committer's in unix seconds."""

    commit: str
    content: str
    time: int


def git_fact(
    op: GitOp, store: Store, warn: Warn, pinned: str = "", pull: bool = False, login: Login = NO_LOGIN
) -> GitFact:
    """The tree that `op` means now; it is in the store then. Blocks.

    `pinned`: the commit that bake.lock has for it. Raises RemoteError when it can neither be fetched nor is known,
    StepError when it is not what was asked for.
    """
    commit, ref = (pinned, op.ref) if pinned else _resolved(op, store, warn, pull, login)
    if op.checksum and not commit.startswith(op.checksum):
        message = f"{shown(op.url)}: expected checksum to match {op.checksum}, got {commit}"
        raise StepError(Diagnostic("digest-mismatch", message, hint="the ref moved, or the checksum names another one"))
    place = _place(op, commit, store)
    with _alone(place):
        known = kept(store.files.fact("checkout", place.name), _Checkout)
        if known is None or not _is_whole(place, known, store):
            known = _fetch(op, commit, ref, place, store, login)
            store.files.remember_fact("checkout", place.name, msgspec.msgpack.encode(known))
        os.utime(place)
    store.files.remember_fact(USED, f"{op.url}\n{op.ref}", place.name.encode())
    directory = _narrowed(place / "tree", op)
    return GitFact(known.commit, directory, tree_of(directory, store.files), known.time)


def shown(url: str) -> str:
    """A URL without the password that it may hold."""
    host = urlsplit(url).netloc if "://" in url else ""
    return url.replace(host, f"***@{host.rpartition('@')[2]}", 1) if ":" in host.rpartition("@")[0] else url


# Which commit


def _resolved(op: GitOp, store: Store, warn: Warn, pull: bool, login: Login) -> tuple[str, str]:
    """(commit, the full name of the ref that leads to it, "" where a commit was named)."""
    if is_commit(op.ref):
        return op.ref, ""
    name = f"{op.url}\n{op.ref}"
    try:
        found = _asked(op, login)
    except GitFailed as error:
        last = store.files.fact("git", name)
        if last is None or pull:
            raise _refused(op, error) from None
        commit, _, ref = last.decode().partition(" ")
        message = f"{shown(op.url)} could not be asked ({error}); the commit known last is used: {commit[:12]}"
        warn(Diagnostic("offline", message, severity="warning", hint="--pull makes this an error"))
        return commit, ref
    store.files.remember_fact("git", name, " ".join(found).encode())
    return found


def _asked(op: GitOp, login: Login) -> tuple[str, str]:
    """Raises GitFailed when nobody answers, StepError when there is no such ref."""
    ref = op.ref or "HEAD"
    said = GitProgram(login=login).run("ls-remote", "--", op.url, ref, f"{ref}^{{}}")
    lines = said.decode("utf-8", "replace").splitlines()
    commits = {name: commit for commit, _, name in (line.partition("\t") for line in lines)}
    for name in ("HEAD",) if ref == "HEAD" else (ref, f"refs/{ref}", f"refs/heads/{ref}", f"refs/tags/{ref}"):
        if name in commits:
            return commits.get(f"{name}^{{}}", commits[name]), name
    hint = "name a branch, a tag or a whole commit id"
    raise StepError(Diagnostic("no-git-ref", f"{shown(op.url)} has no ref '{ref}'", hint=hint))


def _refused(op: GitOp, error: GitFailed) -> RemoteError:
    hint = "check the URL and the network; logins: a secret GIT_AUTH_TOKEN.HOST, ~/.netrc, the ssh agent"
    return RemoteError(Diagnostic("unreachable", f"{shown(op.url)}: {error}", hint=hint))


# The checkout


def _place(op: GitOp, commit: str, store: Store) -> Path:
    """One directory for each way to check out a commit. The URL counts for submodules and where it stays in `.git`."""
    way = (commit, op.url, op.keep_git_dir, op.submodules, op.ref if op.keep_git_dir else "")
    return store.root / "git" / sha256(msgspec.json.encode(way)).hexdigest()


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """One at a time makes a checkout, of all threads and processes."""
    place.parent.mkdir(exist_ok=True)
    handle = os.open(f"{place}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_whole(place: Path, known: _Checkout, store: Store) -> bool:
    """Whether the tree is what was checked out: a power loss may have emptied files, somebody may have edited one."""
    if not (place / "tree").is_dir():
        return False
    return digest_of(tree_of(str(place / "tree"), store.files).items()) == known.content


def _fetch(op: GitOp, commit: str, ref: str, place: Path, store: Store, login: Login) -> _Checkout:
    scratch = store.layers.scratch()
    tree = scratch / "tree"
    tree.mkdir()
    git = GitProgram(tree, login)
    try:
        git.run("init", "--quiet", "--template=", "--initial-branch=main")
        git.run("remote", "add", "origin", op.url)
        _fetch_commit(git, commit, ref)
        git.run("checkout", "--quiet", "--force", *_branch(op, ref), commit)
        if op.submodules and (tree / ".gitmodules").is_file():
            git.run("submodule", "--quiet", "update", "--init", "--recursive", "--force", "--depth=1")
        time = int(git.run("log", "-1", "--format=%ct", commit).split()[0])
    except GitFailed as error:
        raise _refused(op, error) from None
    if op.keep_git_dir:
        git.run("remote", "set-url", "origin", shown(op.url))
    else:
        drop_git_files(tree)
    settle(tree, time)
    if place.exists():
        place.rename(store.layers.scratch() / "old")
    scratch.rename(place)
    content = digest_of(tree_of(str(place / "tree"), store.files).items())
    return _Checkout(commit, content, time)


def _branch(op: GitOp, ref: str) -> tuple[str, ...]:
    """In a `.git` that stays, HEAD is the branch that was asked for."""
    branch = ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else ""
    return ("-B", branch) if op.keep_git_dir and branch else ("--detach",)


def _fetch_commit(git: GitProgram, commit: str, ref: str) -> None:
    """That one commit alone; of a server that cannot give that, the ref's history, else everything."""
    tries = [("--depth=1", "origin", commit), ("--depth=1", "origin", ref), ("origin", ref), ("origin", _ALL, _TAGS)]
    problem: GitFailed | None = None
    for words in (words for words in tries if all(words)):
        try:
            git.run("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--force", *words)
        except GitFailed as error:
            problem = problem or error
            continue
        if git.has(commit):
            return
    raise problem or GitFailed(f"the repository does not contain {commit}")


_ALL, _TAGS = "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"


def _narrowed(tree: Path, op: GitOp) -> str:
    """The directory that was asked for; links lead nowhere outside."""
    real = os.path.realpath(tree / op.subdir)
    top = os.path.realpath(tree)
    if not os.path.isdir(real) or (real != top and not real.startswith(f"{top}/")):
        message = f"{shown(op.url)} has no directory '{op.subdir}'"
        raise StepError(Diagnostic("missing-source", message, hint="check the part after the colon, or `subdir`"))
    return real
