"""A first bake.toml: one target a Dockerfile, to be changed by its owner."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from posixpath import basename, dirname, relpath

_HEAD = """\
# Images of this repository: one [target.NAME] each. `bake` builds all of them, `bake NAME` one, `bake plan` tells what
# would run. `bake schema > bake.schema.json` gives editors completion.

[variable]
REGISTRY = { default = "localhost:5000", env = "REGISTRY", help = "where images are named and published" }
"""
_PLAIN = re.compile(r"\w[\w./ -]*")
_KEPT = frozenset({"all", "default"})
"""Names that mean something else."""


@dataclass(frozen=True, slots=True)
class Start:
    """A Dockerfile: `path` and `context` relative to the directory of the spec; `open_args` need a value."""

    path: str
    context: str
    open_args: Sequence[str] = ()


def starter(files: Sequence[Start], home: str) -> tuple[str, tuple[str, ...]]:
    """(text, names of its targets). `home` is the name of the directory, for a Dockerfile right in it."""
    names = _names([file.path for file in files], home)
    parts = [_HEAD, *(_target(name, file) for name, file in zip(names, files, strict=True))]
    return "\n".join(parts), names


def _target(name: str, file: Start) -> str:
    lines = [f"[target.{name}]"]
    if file.context != ".":
        plain = _PLAIN.fullmatch(file.context)  # else it may look like a URL, or like standard input
        lines.append(f"context = {_string(file.context if plain else f'./{file.context}')}")
    dockerfile = relpath(file.path, file.context)
    if dockerfile != "Dockerfile":
        lines.append(f"dockerfile = {_string(dockerfile)}")
    if file.open_args:
        values = ", ".join(f'{arg} = ""' for arg in file.open_args)
        lines.append(f"# args = {{ {values} }}  # its ARGs without a default")
    lines.append(f'tags = ["${{REGISTRY}}/{name}"]')
    return "".join(f"{line}\n" for line in lines)


def _string(text: str) -> str:
    """A TOML string whose `${` is no expression."""
    return json.dumps(text.replace("${", "$${"), ensure_ascii=False).replace("\x7f", "\\u007f")


def _names(paths: Sequence[str], home: str) -> tuple[str, ...]:
    """The shortest that tell the files apart: `api`, `api-dev`, `services-api`; numbered where nothing else helps."""
    found: list[str] = []
    tails = [list(_tails(path, home)) for path in paths]
    for own in tails:
        others = [name for other in tails if other is not own for name in other[:1]]
        free = (name for name in own if name not in found and others.count(name) == 0)
        name = next(free, own[-1])
        found.append(name if name not in found else next(f"{name}-{n}" for n in _from(2) if f"{name}-{n}" not in found))
    return tuple(found)


def _tails(path: str, home: str) -> Iterator[str]:
    """Names for a Dockerfile, the shortest first: with more and more of the directories above it."""
    variant = _variant(basename(path))
    above = [_slug(part) for part in dirname(path).split("/") if part] or [_slug(home)]
    parts: Iterable[str] = [part for part in above if part] or ["image"]
    parts = list(parts)
    for length in range(1, len(parts) + 1):
        name = "-".join([*parts[-length:], *([variant] if variant else [])])
        yield name if name not in _KEPT else f"{name}-image"


def _variant(name: str) -> str:
    """`dev` of Dockerfile.dev and dev.Dockerfile."""
    return _slug(re.sub(r"^(Dockerfile|Containerfile)\.?|\.?[Dd]ockerfile$", "", name))


def _slug(text: str) -> str:
    """What may stand both in a target's name and in a repository's."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _from(number: int) -> Iterator[int]:
    while True:
        yield number
        number += 1
