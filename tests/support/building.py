"""Runs single steps on an engine: contexts scanned from directories, a busybox root, layers as readable text."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bake.engine.embedded.client import EmbeddedEngine
from bake.plan.step import CopyAction, CopyOp, ExecOp, MergeOp, MkdirOp, make_step
from bake.plan.tree import SCRATCH, Entry, Stamp, StateId, Tree, ordered
from bake.ports.layers import Layer
from bake.ports.task import Input, StateInput, Task, TreeInput


def scan(root: Path) -> Tree:
    """A context as `gather` sees it: everything 0:0, with digests and stamps."""
    found: dict[str, Entry] = {}
    for path in sorted(root.rglob("*")):
        info = path.lstat()
        stamp = Stamp(info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino, info.st_dev)
        name = path.relative_to(root).as_posix()
        common: dict[str, Any] = {"mode": stat.S_IMODE(info.st_mode), "mtime": info.st_mtime_ns, "stamp": stamp}
        if path.is_symlink():
            found[name] = Entry("l", **{**common, "mode": 0o777}, link=os.readlink(path))
        elif path.is_dir():
            found[name] = Entry("d", **common)
        elif path.is_fifo():
            found[name] = Entry("p", **common)
        else:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[name] = Entry("f", **common, size=info.st_size, digest=digest)
    return ordered(found)


def make_tree(root: Path, files: Mapping[str, str | bytes | None], mtime: int = 1_600_000_000) -> Path:
    """Writes files; a name ending in `/` or a None makes a directory, a text starting with `-> ` a link."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/") or text is None:
            path.mkdir(exist_ok=True)
        elif isinstance(text, str) and text.startswith("-> "):
            path.symlink_to(text[3:])
        else:
            path.write_bytes(text.encode() if isinstance(text, str) else text)
    for path in [root, *root.rglob("*")]:
        os.utime(path, (mtime, mtime), follow_symlinks=False)
    return root


def make_busybox(root: Path) -> Path:
    """A root file system of one static program and its links, with users."""
    (root / "bin").mkdir(parents=True)
    shutil.copy("/usr/bin/busybox", root / "bin/busybox")
    names = subprocess.run(["/usr/bin/busybox", "--list"], check=True, capture_output=True, text=True).stdout.split()
    for name in names:
        if name != "busybox":
            (root / "bin" / name).symlink_to("busybox")
    make_tree(
        root,
        {
            "etc/passwd": "root:x:0:0::/root:/bin/sh\nbob:x:1001:1002::/home/bob:/bin/sh\n",
            "etc/group": "root:x:0:\nbob:x:1002:\nteam:x:1003:bob\n",
            "root/": None,
            "tmp/": None,
        },
    )
    (root / "tmp").chmod(0o1777)
    return root


def show(entry: Entry) -> str:
    """`f 644 0:0`, `d 755 5:6 opaque`, `l -> target`, `f 644 0:0 = first`, `w`."""
    if entry.kind == "w":
        return "w"
    if entry.kind == "l":
        return f"l {entry.uid}:{entry.gid} -> {entry.link}"
    link = f" = {entry.link}" if entry.link else ""
    return f"{entry.kind} {entry.mode:o} {entry.uid}:{entry.gid}{' opaque' if entry.opaque else ''}{link}"


class Builder:
    """Steps one after the other on `engine`; each method returns the layer it made."""

    def __init__(self, engine: EmbeddedEngine, store: Any) -> None:
        self.engine = engine
        self.store = store
        self.lines: list[tuple[str, str]] = []

    def say(self, stream: str, line: str) -> None:
        self.lines.append((stream, line))

    def output(self, stream: str = "stdout") -> list[str]:
        return [line for name, line in self.lines if name == stream]

    async def task(self, op: Any, *inputs: Input, **more: Any) -> Layer:
        self.lines.clear()
        return await self.engine.run(Task(make_step(op), inputs, **more), self.say)

    async def copy(self, parent: StateId, source: Path | Input, *actions: CopyAction) -> Layer:
        given = TreeInput(str(source), scan(source)) if isinstance(source, Path) else source
        return await self.task(CopyOp(actions), StateInput(parent), given)

    async def mkdir(self, parent: StateId, path: str, owner: str = "") -> Layer:
        return await self.task(MkdirOp(path, owner), StateInput(parent))

    async def link(self, parent: StateId, top: StateId) -> Layer:
        return await self.task(MergeOp(), StateInput(parent), StateInput(top))

    async def run(self, parent: StateId, command: str | Sequence[str], *inputs: Input, **more: Any) -> Layer:
        args = ("/bin/sh", "-c", command) if isinstance(command, str) else tuple(command)
        given = {name: more.pop(name) for name in ("secrets", "ssh", "timeout") if name in more}
        return await self.task(ExecOp(args, **more), StateInput(parent), *inputs, **given)

    async def busybox(self, directory: Path) -> StateId:
        """The state of a root to run things in."""
        layer = await self.copy(SCRATCH, make_busybox(directory), CopyAction(1, "/", "/"))
        return layer.state

    def listing(self, layer: Layer) -> dict[str, str]:
        return {path: show(entry) for path, entry in (self.store.layers.listing(layer.state) or {}).items()}

    def tree(self, layer: Layer) -> dict[str, str]:
        return {path: show(entry) for path, entry in (self.store.layers.tree(layer.state) or {}).items()}

    def read(self, layer: Layer, path: str) -> bytes:
        """A file of the layer itself."""
        assert layer.directory is not None
        return (layer.directory / "fs" / path).read_bytes()
