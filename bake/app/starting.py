"""`bake init`: a first bake.toml from the Dockerfiles that are there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bake.app.loading import FILE
from bake.errors import Diagnostic, InputError
from bake.gather.dockerfiles import find_dockerfiles
from bake.spec.starter import Start, starter

_OTHERS = ("docker-bake.hcl", "docker-bake.json", "compose.yaml", "compose.yml", "docker-compose.yml")


@dataclass(frozen=True)
class Started:
    """`path` was written; `other` is a file that `bake import` reads, "" if there is none."""

    path: str
    targets: tuple[str, ...]
    other: str = ""


def init(directory: str) -> Started:
    """Writes bake.toml. Raises InputError when there is one, when nothing is found, or when it cannot be written."""
    root = Path(directory)
    path = root / FILE
    other = next((name for name in _OTHERS if (root / name).is_file()), "")
    if path.exists() or path.is_symlink():
        raise InputError(Diagnostic("spec-exists", f"there is a {path} already", hint="it is left as it is"))
    found = find_dockerfiles(root)
    if not found:
        hint = f"`bake import {other}` makes one from that file" if other else "write a Dockerfile first"
        raise InputError(
            Diagnostic("no-dockerfile", f"there is no Dockerfile in {root.absolute()} or below", hint=hint)
        )
    text, names = starter([Start(one.path, one.context, one.open_args) for one in found], root.absolute().name)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(Diagnostic("unwritable", f"cannot write {path}: {error.strerror}")) from None
    return Started(str(path), names, other)
