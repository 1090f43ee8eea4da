"""An image as a comparable value: config, history, layers and the merged tree, each as short readable text."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

NOW = 1_700_000_000
"""Times from here on are those of the build, and not compared."""

_CONFIG = (
    "User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal", "ArgsEscaped",
    "Healthcheck", "OnBuild", "Shell",
)  # fmt: skip
_KINDS = {tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "l", tarfile.CHRTYPE: "c", tarfile.BLKTYPE: "b", tarfile.FIFOTYPE: "p"}
_OPAQUE = ".wh..wh..opq"

Rows = dict[str, str]


def read_layer(path: Path) -> Rows:
    """One layer's entries by path: `f 644 0:0 5 0123456789abcdef then`, `l 0:0 -> x`, `w` for what it deletes."""
    rows: Rows = {}
    links: dict[str, list[str]] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            name = member.name.strip("/").removeprefix("./")
            folder, _, base = name.rpartition("/")
            if base == _OPAQUE:
                rows[f"{folder}/*"] = "w"
            elif base.startswith(".wh."):
                rows[f"{folder}/{base[4:]}".lstrip("/")] = "w"
            elif member.islnk():
                links.setdefault(member.linkname.strip("/").removeprefix("./"), []).append(name)
            elif name not in ("", "."):
                rows[name] = _row(archive, member)
    for first, others in links.items():
        group = sorted([first, *others])
        text = rows.get(first, "")
        rows |= {name: f"{text} links={','.join(group)}" for name in group}
    return dict(sorted(rows.items()))


def _row(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    kind = _KINDS.get(member.type, "f")
    owner = f"{member.uid}:{member.gid}"
    xattrs = "".join(
        f" {key.removeprefix('SCHILY.xattr.')}={value.encode(errors='surrogateescape').hex()}"
        for key, value in sorted(member.pax_headers.items())
        if key.startswith("SCHILY.xattr.")
    )
    if kind == "l":
        return f"l {owner} -> {member.linkname}{_time(member)}{xattrs}"
    text = f"{kind} {member.mode & 0o7777:o} {owner}"
    if kind in "cb":
        text += f" {member.devmajor},{member.devminor}"
    if kind == "f":
        stream = archive.extractfile(member)
        text += f" {member.size} {hashlib.sha256(stream.read() if stream else b'').hexdigest()[:16]}"
    return text + _time(member) + xattrs


def _time(member: tarfile.TarInfo) -> str:
    return f" @{int(member.mtime)}" if member.mtime < NOW else ""


def _created(row: Mapping[str, Any]) -> list[str]:
    """The time that a config or an entry of its history says, if it is given and not of the build."""
    text = row.get("created")
    seconds = datetime.fromisoformat(text).timestamp() if text else NOW
    return [f"@{int(seconds)}"] if seconds < NOW else []


def merge(layers: Sequence[Mapping[str, str]]) -> Rows:
    """The tree that layers make, bottom first."""
    tree: Rows = {}
    for layer in layers:
        for path, row in layer.items():
            if row == "w":
                _drop(tree, path)
        for path, row in layer.items():
            if row == "w":
                continue
            if not row.startswith("d") and tree.get(path, "").startswith("d"):
                _drop(tree, path)
            tree[path] = row
    return dict(sorted(tree.items()))


def _drop(tree: Rows, path: str) -> None:
    below = path.removesuffix("*") if path.endswith("/*") else f"{path}/"
    for name in [name for name in tree if name == path or name.startswith(below)]:
        del tree[name]


def result(config: Mapping[str, Any], layers: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """The comparable value. The layer of the busybox root is left out: its program is the host's."""
    skip = 1 if layers and {"bin/busybox", "etc/passwd"} <= layers[0].keys() else 0
    inner = config.get("config") or {}
    history = [
        [entry.get("created_by", ""), *(["empty"] if entry.get("empty_layer") else []), *_created(entry)]
        for entry in config.get("history") or []
    ]
    if skip:
        history[0] = history[0][:1]  # the base's own, dated when that was made
    base = merge(layers[:skip])
    tree = merge(layers)
    changed: Rows = {path: row for path, row in tree.items() if base.get(path) != row}
    changed |= {path: "gone" for path in base if path not in tree}
    return {
        "config": {key: inner[key] for key in _CONFIG if inner.get(key) not in (None, {}, "", False)},
        **({"author": config["author"]} if config.get("author") else {}),
        **({"created": given[0]} if (given := _created(config)) else {}),
        "history": history,
        "layers": [dict(layer) for layer in layers[skip:]],
        "tree": dict(sorted(changed.items())),
    }


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same; `where` is a path into the result. Shown as `where: judge => bake`."""

    where: str
    judge: Any
    bake: Any

    def __str__(self) -> str:
        return f"{self.where}: {_text(self.judge)} => {_text(self.bake)}"


def _text(value: Any) -> str:
    return "nothing" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def differences(judge: Mapping[str, Any], bake: Mapping[str, Any]) -> list[Difference]:
    """What is not the same in the two results."""
    found: list[Difference] = []
    if ("error" in judge) != ("error" in bake):
        return [Difference("error", judge.get("error"), bake.get("error"))]
    for part in ("error", "author", "created", "config", "history", "layers", "tree"):
        _compare(part, judge.get(part), bake.get(part), found)
    return found


def _compare(where: str, judge: Any, bake: Any, found: list[Difference]) -> None:
    if judge == bake:
        return
    if isinstance(judge, dict) and isinstance(bake, dict):
        for key in sorted({*judge, *bake}):
            _compare(f"{where}: {key}", judge.get(key), bake.get(key), found)
    elif isinstance(judge, list) and isinstance(bake, list) and len(judge) == len(bake):
        for at, (one, other) in enumerate(zip(judge, bake, strict=True)):
            _compare(f"{where}[{at}]", one, other, found)
    else:
        found.append(Difference(where, judge, bake))
