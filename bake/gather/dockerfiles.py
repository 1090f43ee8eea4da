"""The Dockerfiles of a directory, each with the context that it was most likely written for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from bake.dockerfile.instructions import Add, Arg, Copy, Dockerfile
from bake.dockerfile.parse import parse
from bake.errors import InputError, Source

_NAMES = ("Dockerfile", "Containerfile", "Dockerfile.*", "Containerfile.*", "*.Dockerfile", "*.dockerfile")
_NOT = "*.dockerignore"
_SKIPPED = frozenset({"node_modules", "vendor", "venv", "__pycache__", "target", "testdata"})
_DEEPEST = 8
_MOST = 1000


@dataclass(frozen=True)
class FoundDockerfile:
    """`path` and `context` are relative to the directory searched, with `/`; `open_args` have no default."""

    path: str
    context: str
    open_args: tuple[str, ...] = ()


def find_dockerfiles(root: Path) -> tuple[FoundDockerfile, ...]:
    """By path. Hidden directories, those of other people's code, links, very deep ones and odd names are left out."""
    found = []
    for path in _walk(root):
        dockerfile = _parsed(root / path)
        sources = _sources(dockerfile) if dockerfile else []
        args = _open_args(dockerfile) if dockerfile else ()
        found.append(FoundDockerfile(path.as_posix(), _context(root, path, sources), args))
        if len(found) == _MOST:
            break
    return tuple(found)


def _walk(root: Path) -> Iterator[Path]:
    for directory, below, files in os.walk(root):
        place = Path(directory).relative_to(root)
        below[:] = sorted(n for n in below if not n.startswith(".") and n not in _SKIPPED and n.isprintable())
        if len(place.parts) >= _DEEPEST:
            below.clear()
        for name in sorted(files):
            if any(fnmatch(name, pattern) for pattern in _NAMES) and not fnmatch(name, _NOT) and name.isprintable():
                yield place / name


def _parsed(path: Path) -> Dockerfile | None:
    """None for one that is no Dockerfile, or a wrong one: `bake check` tells of those."""
    try:
        return parse(Source(path.name, path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, InputError):
        return None


def _sources(dockerfile: Dockerfile) -> list[str]:
    """Plain paths that it copies out of its context."""
    instructions = (i for stage in dockerfile.stages for i in stage.instructions)
    copies = (i for i in instructions if isinstance(i, Add) or (isinstance(i, Copy) and i.from_ is None))
    return [s for copy in copies for s in copy.sources if not any(c in s for c in "*?[$\\:")]


def _context(root: Path, path: Path, sources: list[str]) -> str:
    """The nearest directory, from the file's own up to the root, that has all that is copied; else the file's own."""
    for directory in path.parents:
        if all((root / directory / source.lstrip("/")).exists() for source in sources):
            return directory.as_posix()
    return path.parent.as_posix()


def _open_args(dockerfile: Dockerfile) -> tuple[str, ...]:
    """ARGs that nothing gives a value, except those that each builder sets by itself."""
    pairs = [pair for arg in (*dockerfile.args, *_stage_args(dockerfile)) for pair in arg.pairs]
    given = {name for name, value in pairs if value is not None}
    names = dict.fromkeys(name for name, value in pairs if value is None and name not in given)
    return tuple(name for name in names if not name.startswith(("TARGET", "BUILD", "SOURCE_DATE_EPOCH")))


def _stage_args(dockerfile: Dockerfile) -> Iterator[Arg]:
    for stage in dockerfile.stages:
        yield from (i for i in stage.instructions if isinstance(i, Arg))
