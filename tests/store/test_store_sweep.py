"""What dead processes leave is removed by the next open; what the living have is not touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from storing import commit

from bake.store import open_store

CHILD = """
import asyncio, sys
from pathlib import Path
from bake.store import open_store

async def main():
    store = open_store(Path(sys.argv[1]))
    scratch = store.layers.scratch()
    (scratch / "fs").mkdir()
    (scratch / "fs" / "file").write_text("x")
    async with store.records.claim("key"):
        print(scratch, flush=True)
        sys.stdin.read()

asyncio.run(main())
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@contextmanager
def other_process(root: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process with a scratch directory and the claim on `key`."""
    argv = [sys.executable, "-c", CHILD, str(root)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield child, Path(child.stdout.readline().strip())
        finally:
            child.kill()


def test_scratches_of_the_living_stay_and_of_the_dead_go(tmp_path: Path) -> None:
    with other_process(tmp_path) as (child, scratch):
        open_store(tmp_path).close()
        assert (scratch / "fs" / "file").exists()
        child.kill()
        child.wait()
        open_store(tmp_path).close()
        assert os.listdir(tmp_path / "tmp") == [] and os.listdir(tmp_path / "locks") == ["claims"]


@pytest.mark.anyio
async def test_a_claim_dies_with_its_process(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with other_process(tmp_path) as (child, _):
        with anyio.move_on_after(0.1) as waiting:
            async with store.records.claim("key"):
                pass
        assert waiting.cancelled_caught
        child.kill()
        with anyio.fail_after(10):
            async with store.records.claim("key"):
                pass
    store.close()


@pytest.mark.anyio
async def test_closing_gives_up_claims(tmp_path: Path) -> None:
    store, other = open_store(tmp_path), open_store(tmp_path)
    async with store.records.claim("key"):
        store.close()
        with anyio.fail_after(10):
            async with other.records.claim("key"):
                pass
    other.close()


def test_a_lock_without_a_directory_and_a_directory_without_a_lock(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    (tmp_path / "locks" / "dead").touch()
    (tmp_path / "tmp" / "nobody" / "1").mkdir(parents=True)
    (tmp_path / "tmp" / "nobody" / "file").touch()
    open_store(tmp_path).close()
    assert os.listdir(tmp_path / "tmp") == [] == os.listdir(tmp_path / "locks")


def test_what_can_not_be_removed_is_left_for_another(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    left = tmp_path / "tmp" / "nobody" / "1"
    left.mkdir(parents=True)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "not yours", str(path))

    store = open_store(tmp_path, remove=refuse)
    assert list(store.leftovers()) == [left]
    store.close()
    assert left.exists()
    store = open_store(tmp_path)
    assert list(store.leftovers()) == [] and not left.parent.exists()
    store.close()


def test_an_orphan_of_a_dead_process_goes_and_never_becomes_a_layer(tmp_path: Path) -> None:
    """A process that died between moving a directory in and its row leaves files that nobody vouches for."""
    store = open_store(tmp_path)
    layer = commit(store.layers, a="good")
    with store.database.write() as connection:
        connection.execute("DELETE FROM layers")
        connection.execute("DELETE FROM trees")
    assert layer.directory is not None
    (layer.directory / "fs" / "a").write_text("damaged")
    again = commit(store.layers, a="good")
    assert again.directory is not None and (again.directory / "fs" / "a").read_text() == "good"
    (tmp_path / "layers" / "orphan").mkdir()
    store.close()
    (tmp_path / "locks" / "dead").touch()
    store = open_store(tmp_path)
    assert os.listdir(tmp_path / "layers") == [layer.state]
    store.close()
