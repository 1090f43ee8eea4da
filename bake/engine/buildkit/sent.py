"""The files that a builder gets from us: for each step that reads a context, just what it reads, as a small tree.

An action of a COPY becomes one directory holding the selected files where the copy will put them. So wildcards,
`--exclude`, `--parents` and ignore rules are ours alone and mean the same for every builder, however old (pure).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import msgspec

from bake.dockerfile.mode import parse_mode
from bake.errors import Diagnostic, InputError
from bake.plan.select import Root, resolve, select
from bake.plan.step import CopyAction, Step
from bake.plan.tree import Entry, Tree, sort_key
from bake.ports.task import BlobInput, Input, TreeInput


@dataclass(frozen=True, slots=True)
class SentFile:
    """One path of what is sent. A regular file's bytes are in the file `source` of this host."""

    path: str
    entry: Entry
    source: str = ""


@dataclass(frozen=True)
class Sent:
    """A named tree, in the order it is sent in: parents first, names compared as bytes."""

    name: str
    files: tuple[SentFile, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Placed:
    """Where in what is sent an action's files are, and whether they are a directory's contents."""

    path: str
    contents: bool


_DIRECTORY = Entry("d", 0o755)


def send_copies(given: Input, actions: Iterable[CopyAction], identity: str) -> tuple[Sent, list[list[Placed]]]:
    """What the actions of a COPY take from one source; for each action the copies that are to be made of it.

    `identity` names the source. Raises SourceMissing, ValueError for a malformed pattern or mode.
    """
    wanted = list(actions)
    files: dict[str, SentFile] = {}
    places = [_place(given, action, str(number), files) for number, action in enumerate(wanted)]
    spec = [(a.source, a.exclude, a.parents, a.unpack, a.mode if _symbolic(a) else "") for a in wanted]
    return _sent(identity, spec, files), places


def send_subtree(given: Input, path: str, identity: str) -> tuple[Sent, str]:
    """Everything at and below `path`, for a mount; and where it is. Raises SourceMissing."""
    tree = tree_of(given)
    real = resolve(tree, path)
    files = {
        each: _file(given, each, each, entry)
        for each, entry in tree.items()
        if each and (not real or each == real or each.startswith(real + "/") or real.startswith(each + "/"))
    }
    return _sent(identity, ["mount", path], files), "/" + real


def source_identity(source: Step) -> str:
    """Names a source of this host: the same from run to run, whatever it holds."""
    return msgspec.json.encode(source.op).decode()


def _sent(identity: str, spec: object, files: dict[str, SentFile]) -> Sent:
    """The name says what is chosen, not what is found: a builder keeps its last copy under it."""
    for path in list(files):
        while path := path.rpartition("/")[0]:
            files.setdefault(path, SentFile(path, _DIRECTORY))
    for path, file in files.items():
        _check_name(path, file.entry)
    name = hashlib.sha256(msgspec.json.encode((identity, spec))).hexdigest()[:24]
    return Sent(name, tuple(_linked(files[path] for path in sorted(files, key=sort_key))))


def _check_name(path: str, entry: Entry) -> None:
    """Raises InputError for what the protocol cannot carry: its texts are UTF-8."""
    try:
        path.encode()
        entry.link.encode()
    except UnicodeEncodeError:
        shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        hint = "rename it, leave it out in .dockerignore, or use --engine embedded"
        message = f"a builder takes only file names in UTF-8, not {shown}"
        raise InputError(Diagnostic("bad-file-name", message, hint=hint)) from None


def _linked(files: Iterable[SentFile]) -> Iterator[SentFile]:
    """The same files, with the second name of one within an action's place as a hard link to the first.

    What a symbolic link has led to is no second name, and is a file of its own.
    """
    first: dict[tuple[str, int, int], SentFile] = {}
    for file in files:
        stamp = file.entry.stamp
        if file.entry.kind == "f" and stamp is not None:
            other = first.setdefault((file.path.partition("/")[0], stamp.device, stamp.inode), file)
            if other.source != file.source:
                yield replace(file, entry=msgspec.structs.replace(file.entry, link=other.path))
                continue
        yield file


def _place(given: Input, action: CopyAction, place: str, files: dict[str, SentFile]) -> list[Placed]:
    roots = select(tree_of(given), action)
    if not roots:
        return []
    one_by_one = len(roots) > 1 and not action.dest.endswith("/")  # what the first makes of `dest`, the next one meets
    if action.unpack or one_by_one or (len(roots) == 1 and not roots[0].is_dir):
        return [_alone(given, action, root, f"{place}/{number}", files) for number, root in enumerate(roots)]
    top = roots[0].entry if len(roots) == 1 else _DIRECTORY
    files[place] = SentFile(place, _with_mode(top, action))
    for root in roots:
        _lay(given, action, root, place, files)
    return [Placed(f"/{place}", True)]


def _alone(given: Input, action: CopyAction, root: Root, place: str, files: dict[str, SentFile]) -> Placed:
    """A source in a place of its own: a file keeps its name, which the key of the copy holds."""
    _lay(given, action, root, place, files)
    files.setdefault(place, SentFile(place, _with_mode(root.entry if root.is_dir else _DIRECTORY, action)))
    return Placed(f"/{place}", True) if root.is_dir else Placed(f"/{place}/{root.name}", False)


def _lay(given: Input, action: CopyAction, root: Root, place: str, files: dict[str, SentFile]) -> None:
    for item in root.items:
        to = f"{place}/{item.to if root.is_dir else root.name}"
        files[to] = _file(given, item.path, to, _with_mode(item.entry, action))


def _symbolic(action: CopyAction) -> bool:
    return bool(action.mode) and not action.mode.isdecimal()


def _with_mode(entry: Entry, action: CopyAction) -> Entry:
    """Symbolic modes are applied here, as old builders know numbers only."""
    if not _symbolic(action) or entry.kind == "l":
        return entry
    return msgspec.structs.replace(entry, mode=parse_mode(action.mode).apply(entry.mode, entry.kind == "d"))


def _file(given: Input, path: str, to: str, entry: Entry) -> SentFile:
    match given:
        case TreeInput(root, _):
            return SentFile(to, entry, source=f"{root}/{path}")
        case BlobInput(blob, _, _):
            return SentFile(to, entry, source=str(blob))
    raise TypeError("a state is not sent")


def tree_of(given: Input) -> Tree:
    """The tree of a source that is no state."""
    match given:
        case TreeInput(_, tree):
            return tree
        case BlobInput(_, name, mtime):
            return {name: Entry("f", 0o600, size=given_size(given), mtime=int(mtime * 10**9))}
    raise TypeError("a state has no tree here")


def given_size(given: BlobInput) -> int:
    return given.path.stat().st_size
