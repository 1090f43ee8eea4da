"""SIGKILL at any instant leaves a store that is sound, has all it promised, and is clean after the next open."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bake.plan.tree import StateId
from bake.store import DiskStore, open_store

SUPPORT = Path(__file__).parents[1] / "support"
ROUNDS, AT_ONCE = 8, 3


def _start(root: Path, seed: str) -> subprocess.Popen[str]:
    argv = [sys.executable, str(SUPPORT / "store_killed.py"), str(root), seed]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def _kill(children: list[subprocess.Popen[str]], rng: random.Random) -> list[str]:
    """Lets all work for a random while, kills one after the other; what they printed."""
    for child in children:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
    lines: list[str] = []
    for child in children:
        time.sleep(rng.uniform(0.0, 0.08))
        child.send_signal(signal.SIGKILL)
    for child in children:
        output, _ = child.communicate()
        assert child.returncode == -signal.SIGKILL
        lines += output.splitlines(keepends=True)
    return [line.strip() for line in lines if line.endswith("\n")]


def _check(store: DiskStore, promised: list[str]) -> None:
    assert store.verify(deep=True) == []
    owners = {path.name for path in (store.root / "tmp").iterdir()}
    assert all(f"-{os.getpid()}-" in owner for owner in owners)  # our own, where an orphan was moved to
    assert list((store.root / "tmp").glob("*/*")) == []
    assert set(os.listdir(store.root / "locks")) <= {"claims", *owners}
    for line in promised:
        kind, name, *rest = line.split()
        if kind == "blob":
            assert store.blobs.path(name) is not None
            continue
        record = store.records.lookup(name)
        assert record is not None and record.state == rest[0]
        assert store.layers.tree(StateId(rest[0])) is not None
        for layer in store.layers.chain(record.state):
            assert layer.directory is not None and (layer.directory / "fs").is_dir()


@pytest.mark.parametrize("seed", ["one", "two"])
def test_killed_at_any_instant(tmp_path: Path, seed: str) -> None:
    rng = random.Random(seed)
    promised: list[str] = []
    for number in range(ROUNDS):
        children = [_start(tmp_path / "store", f"{seed}-{number}-{child}") for child in range(AT_ONCE)]
        try:
            lines = _kill(children, rng)
        finally:
            for child in children:
                child.kill()
                child.wait()
        promised += lines
        store = open_store(tmp_path / "store")
        _check(store, lines)
        store.close()
    store = open_store(tmp_path / "store")
    _check(store, promised)
    assert len(promised) > ROUNDS
    store.close()


def test_opened_for_the_first_time_by_many_at_once(tmp_path: Path) -> None:
    children = [_start(tmp_path / "a" / "b" / "store", str(number)) for number in range(6)]
    _kill(children, random.Random(1))
    store = open_store(tmp_path / "a" / "b" / "store")
    _check(store, [])
    store.close()
