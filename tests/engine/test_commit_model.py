"""What a layer's listing says is what a container sees: random changes, compared with the view from inside."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest
from building import Builder
from tars import Member, directory, hard_link, member, symlink, tar

from bake.errors import StepError
from bake.plan.step import CopyAction
from bake.plan.tree import SCRATCH, StateId
from bake.ports.layers import Layer
from bake.ports.task import StateInput

pytestmark = pytest.mark.anyio

_NAMES = ("a", "b", "c", "a/x", "a/y", "b/x", "b/x/deep", "c/y/deeper/f")


def _command(chance: random.Random) -> str:
    """One change; those that do not fit fail without harm."""
    first, second = (f"/t/{chance.choice(_NAMES)}" for _ in range(2))
    return chance.choice(
        [
            f"mkdir -p {first}",
            f"echo {chance.randrange(3)} > {first}",
            f"echo more >> {first}",
            f"rm -rf {first}",
            f"rm -rf {first}; mkdir -p {first}",
            f"rm -rf {first}; ln -s {second} {first}",
            f"ln {first} {second}",
            f"mv {first} {second}",
            f"cp -a {first} {second}",
            f"chmod {chance.choice(['700', '4755', '640'])} {first}",
            f"chown {chance.randrange(3)}:{chance.randrange(3)} {first}",
            f"touch {first}",
        ]
    )


_LOOK = "find /t | while read -r n; do stat -c '%n %f %u:%g' $n; if [ -f $n ] && [ ! -L $n ]; then cat $n; fi; done"


async def seen_inside(build: Builder, state: StateId) -> dict[str, tuple[str, str]]:
    """Path → (mode and type in hex with owner, content digest)."""
    await build.run(state, _LOOK)
    found: dict[str, tuple[str, str]] = {}
    content: dict[str, bytes] = {}
    last = ""
    for line in build.output():
        if line.startswith("/t"):
            last, mode, owner = line.split()
            found[last] = (f"{mode} {owner}", "")
            content[last] = b""
        else:
            content[last] += line.encode() + b"\n"
    return {
        path: (what, hashlib.sha256(content[path]).hexdigest() if what.startswith("8") else "")
        for path, (what, _) in found.items()
    }


def told(build: Builder, state: StateId) -> dict[str, tuple[str, str]]:
    kinds = {"f": 0x8000, "d": 0x4000, "l": 0xA000}
    tree = build.store.layers.tree(state)
    return {
        f"/{path}": (f"{kinds[e.kind] | e.mode:x} {e.uid}:{e.gid}", e.digest)
        for path, e in tree.items()
        if path.split("/")[0] == "t"
    }


def check_directory(build: Builder, layer: Layer) -> None:
    """The layer's directory holds what its listing says, nothing more, hard links included."""
    assert layer.directory is not None
    fs = layer.directory / "fs"
    listing = build.store.layers.listing(layer.state)
    assert {path.relative_to(fs).as_posix() for path in fs.rglob("*")} == set(listing) - {""}
    for path, entry in listing.items():
        info = (fs / path).lstat()
        if entry.kind == "f":
            assert hashlib.sha256((fs / path).read_bytes()).hexdigest() == entry.digest
            assert info.st_ino == (fs / (entry.link or path)).lstat().st_ino
        if entry.kind != "w":
            assert (info.st_uid, info.st_mtime_ns) == (entry.uid, entry.mtime)


@pytest.mark.parametrize("seed", range(5))
async def test_random_changes(build: Builder, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    state = (await build.run(await build.busybox(tmp_path / "busybox"), "mkdir /t")).state
    for _ in range(3):
        commands = [f"({_command(chance)}) 2>/dev/null" for _ in range(12)]
        layer = await build.run(state, "; ".join([*commands, "true"]))
        state = layer.state
        assert told(build, state) == await seen_inside(build, state)
        check_directory(build, layer)


def _member(chance: random.Random) -> Member:
    first, second = (chance.choice(_NAMES) for _ in range(2))
    return chance.choice(
        [
            directory(first, mode=chance.choice([0o700, 0o755]), uid=chance.randrange(3)),
            member(first, b"%d\n" % chance.randrange(3), mode=chance.choice([0o600, 0o4755])),
            symlink(first, chance.choice([second, "../t/a", "/b"])),
            hard_link(first, second),
        ]
    )


@pytest.mark.parametrize("seed", range(5))
async def test_random_archives(build: Builder, tmp_path: Path, seed: int) -> None:
    """Archives over archives by ADD, each also copied by COPY --from: directory, listing and view agree."""
    chance = random.Random(seed)
    state = await build.busybox(tmp_path / "busybox")
    (tmp_path / "c").mkdir()
    for _ in range(4):
        (tmp_path / "c/t.tar").write_bytes(tar([directory("."), *(_member(chance) for _ in range(8))]))
        try:
            layer = await build.copy(state, tmp_path / "c", CopyAction(1, "/t.tar", "/t", unpack=True))
        except StepError:
            continue
        check_directory(build, layer)
        state = layer.state
        expected = told(build, state)
        assert expected == await seen_inside(build, state)
        copied = await build.copy(SCRATCH, StateInput(state), CopyAction(1, "/t", "/t"))
        check_directory(build, copied)
        top = expected.pop("/t")
        assert {**told(build, copied.state), "/t": top} == {**expected, "/t": top}
