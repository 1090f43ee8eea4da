"""Git URLs of ADD and contexts, with a fragment `#ref:subdir` or a query (reference/dockerfile.md §8.7). Pure."""

from __future__ import annotations

import re
from posixpath import normpath
from urllib.parse import parse_qsl

from bake.plan.step import GitOp

_FORM = re.compile(
    r"(?:[a-zA-Z0-9_][\w.-]*@[^:/?#]+:[^?#]+|ssh://[^?#]+|git://[^?#]+|https?://[^?#]+\.git/?)(?:[?#].*)?", re.DOTALL
)
_BARE = re.compile(r"github\.com/[^?#]+(?:[?#].*)?", re.DOTALL)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]{4,64}")
_KEYS = (
    "ref",
    "tag",
    "branch",
    "subdir",
    "checksum",
    "commit",
    "keep-git-dir",
    "submodules",
    "mtime",
    "fetch-by-commit",
)


def is_git_url(text: str) -> bool:
    """`git@host:path`, `ssh://`, `git://`, and http(s) whose path ends in `.git`."""
    return _FORM.fullmatch(text) is not None


def is_git_context(text: str) -> bool:
    """Build contexts may leave out `https://` of github.com."""
    return is_git_url(text) or _BARE.fullmatch(text) is not None


def is_commit(text: str) -> bool:
    """Whether it is a whole commit id."""
    return _COMMIT.fullmatch(text) is not None


def parse_git_url(text: str, keep_git_dir: bool | None = None, checksum: str = "") -> GitOp:
    """What to check out; `keep_git_dir` and `checksum` are an ADD's flags. Raises ValueError with what is wrong."""
    base, _, fragment = text.partition("#")
    base, _, query = base.partition("?")
    given = _query(query)
    ref, subdir = _ref(fragment.partition(":")[0], given), _subdir(fragment.partition(":")[2], given)
    expected = _one("checksum", [checksum, given.get("checksum", ""), given.get("commit", "")])
    if expected and not _HEX.fullmatch(expected):
        raise ValueError(f"invalid checksum: {expected}: it is no commit")
    if is_commit(expected) and not ref:
        ref = expected
    kept = _flag("keep-git-dir", given)
    if None not in (kept, keep_git_dir) and kept != keep_git_dir:
        raise ValueError("inconsistent keep-git-dir configuration")
    if _flag("fetch-by-commit", given) and not is_commit(expected or ref):
        raise ValueError("fetch-by-commit needs a whole commit id as checksum")
    if given.get("mtime", "checkout") not in ("checkout", "commit"):
        raise ValueError(f"invalid mtime: {given['mtime']}")
    if _BARE.fullmatch(text):
        base = f"https://{base}"
    if base.startswith("-") or any(ord(c) < 33 for c in base + ref + subdir):
        raise ValueError("it holds a character that no git URL has")
    submodules = _flag("submodules", given)
    return GitOp(base, ref, subdir, bool(keep_git_dir or kept), expected, submodules is not False)


def _query(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        if key not in _KEYS:
            raise ValueError(f'unexpected query "{key}"')
        if key in found:
            raise ValueError(f'query "{key}" is given twice')
        found[key] = value
    return found


def _ref(fragment: str, given: dict[str, str]) -> str:
    tag, branch = given.get("tag"), given.get("branch")
    if tag and branch:
        raise ValueError("branch conflicts with tag")
    full = f"refs/tags/{tag}" if tag else f"refs/heads/{branch}" if branch else ""
    return _one("ref", [fragment, given.get("ref", ""), full])


def _one(name: str, values: list[str]) -> str:
    """The value that is given, of several places that may give it."""
    present = list(dict.fromkeys(value for value in values if value))
    if len(present) > 1:
        raise ValueError(f'{name} conflicts: "{present[0]}" vs "{present[1]}"')
    return present[0] if present else ""


def _subdir(fragment: str, given: dict[str, str]) -> str:
    return normpath("/" + _one("subdir", [fragment, given.get("subdir", "")])).strip("/")


def _flag(name: str, given: dict[str, str]) -> bool | None:
    value = given.get(name)
    if value is None:
        return None
    if value.lower() in ("", "1", "t", "true"):
        return True
    if value.lower() in ("0", "f", "false"):
        return False
    raise ValueError(f"invalid {name}: {value}")
