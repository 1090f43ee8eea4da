"""One build of the whole walkthrough for all tests of this directory, whatever the number of workers."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from registry_server import RegistryServer, registry
from walkthrough import TOP, Walkthrough, copy_sources, environment, lock, make_bases, web_server


@dataclass(frozen=True)
class Built:
    """`plan` and `report`: of the first build, on an empty store. `server`: this worker's registry."""

    walk: Walkthrough
    server: RegistryServer
    plan: list[dict[str, Any]]
    report: dict[str, Any]
    python: str


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Everything built and published. Other workers share store and sources: `copy` what a test edits."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "walkthrough"
    shared.mkdir(exist_ok=True)
    with registry(base / "published") as server:
        with lock(shared / "lock"):
            python = make_bases()
            if not (shared / "top").exists():
                copy_sources(TOP, shared / "top")
            _count(shared, 1)
        with web_server(shared / "top/examples/copy-add/served") as url:
            with lock(shared / "lock"):
                variables = environment(shared / "top", shared / "store", url, python)
                walk = Walkthrough(shared / "top", {**variables, "REGISTRY": f"localhost:{server.host.split(':')[1]}"})
                first = _first_build(walk, shared / "first.json")
            yield Built(walk, server, first["plan"]["steps"], first["report"], python)
    with lock(shared / "lock"):
        if _count(shared, -1) == 0:
            for name in ("store", "top"):
                shutil.rmtree(shared / name, ignore_errors=True)
            (shared / "first.json").unlink()
    shutil.rmtree(base / "published", ignore_errors=True)


def _count(shared: Path, change: int) -> int:
    """How many workers use it now."""
    file = shared / "users"
    users = int(file.read_text() if file.exists() else "0") + change
    file.write_text(str(users))
    return users


def _first_build(walk: Walkthrough, kept: Path) -> Any:
    """Plan and report of the first build; every worker publishes to a registry of its own."""
    if kept.exists():
        walk.run("build", "all", "--push")
        return json.loads(kept.read_text())
    found = {"plan": walk.json("plan", "all", "--json"), "report": walk.json("build", "all", "--push", "--json")}
    kept.write_text(json.dumps(found))
    return found
