"""What to do about a source that is not there: a near name, an ignore file that hides it, or where to look."""

from __future__ import annotations

from itertools import islice

from bake.dockerfile.ignore import Matcher
from bake.errors import nearest
from bake.plan.key import reads
from bake.plan.select import SourceMissing
from bake.plan.step import LocalOp, Operation, Step
from bake.plan.tree import Tree

_MOST = 2000
"""As many names of a directory are looked at; a longer list was not written by hand."""


def source_of(step: Step, error: SourceMissing) -> int:
    """The number of the input of a step in which that path is missing."""
    actions = [action for _, action in reads(step)]
    fitting = [action for action in actions if action.source.replace("/./", "/") == error.path] or actions
    return fitting[0].input


def advice(source: Operation, error: SourceMissing) -> str:
    """The hint for a path that is missing in the result of `source`."""
    near = nearest_path(error.tree, error.path)
    if isinstance(source, LocalOp) and Matcher(source.ignore).ignored(error.path.strip("/")):
        return "the ignore file leaves it out"
    if near is not None:
        return f"did you mean {near}?"
    if isinstance(source, LocalOp):
        return "check the path, relative to the context, and the ignore file"
    return "check the path, and the stage or image that it is read from"


def nearest_path(tree: Tree, path: str) -> str | None:
    """The path that was most likely meant: a near name where the first part is missing, else the one file of that name
    elsewhere."""
    parts = path.strip("/").split("/")
    at = next((at for at in range(len(parts)) if "/".join(parts[: at + 1]) not in tree), None)
    if at is None or path in tree:  # a heredoc's name with a slash in it
        return None
    above = "".join(f"{part}/" for part in parts[:at])
    names = (each[len(above) :] for each in tree if each.startswith(above))
    near = nearest(parts[at], list(islice((name for name in names if name and "/" not in name), _MOST)))
    meant = "/".join([near or "", *parts[at + 1 :]])
    if near and above + meant in tree:
        return above + meant
    found = [each for each in tree if each.rpartition("/")[2] == parts[-1]]
    return found[0] if len(found) == 1 else None
