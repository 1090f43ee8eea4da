"""What is remembered of a builder: asked for again beside the work, so that no run believes an old answer for long."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import anyio
import msgspec
import pytest
from buildkit_daemon import Daemon
from buildkit_reaching import build_over

from bake.app.builders import ask_builders
from bake.engine.buildkit.address import parse_address
from bake.engine.buildkit.known import Known, recall
from bake.store import open_store


def remembered(project: Any, daemon: Daemon) -> Known:
    with closing(open_store(project.store)) as store:
        known = recall(store.files, parse_address(daemon.address, {}))
    assert known is not None
    return known


def believe(project: Any, daemon: Daemon, known: Known) -> None:
    with closing(open_store(project.store)) as store:
        store.files.remember_fact("buildkit", daemon.address, msgspec.msgpack.encode(known))


@pytest.mark.parametrize(
    "wrong",
    [
        {"platforms": ("linux/amd64",)},
        {"worker": "another", "labels": {"a": "b"}, "caps": ("none",)},
        {"version": "0", "caps": ("none",)},
    ],
    ids=["platforms", "worker", "version"],
)
def test_what_is_no_longer_so_is_forgotten(project: Any, daemon: Daemon, wrong: dict[str, Any]) -> None:
    build_over(project, daemon.address, "first")
    right = remembered(project, daemon)
    assert msgspec.structs.replace(right, **wrong) != right
    believe(project, daemon, msgspec.structs.replace(right, **wrong))
    build_over(project, daemon.address, f"then {sorted(wrong)}")
    assert remembered(project, daemon) == right


def test_bake_builders_tells_and_remembers_what_is_so_now(project: Any, daemon: Daemon) -> None:
    options = project.options(builders=(daemon.address,))
    (first,) = anyio.run(ask_builders, options)
    right = remembered(project, daemon)
    believe(project, daemon, msgspec.structs.replace(right, platforms=("linux/amd64",)))
    (again,) = anyio.run(ask_builders, options)
    assert again.platforms == first.platforms == right.platforms
    assert remembered(project, daemon) == right
