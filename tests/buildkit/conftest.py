"""One daemon for all tests of a file, and projects that build on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from buildkit_daemon import NEWER, NEWER_IN_CONTAINERD, Daemon
from guarded_registries import guarded, tokened, tokens  # noqa: F401
from projects import Project

sys.path[:0] = [str(Path(__file__).parents[1] / "differential"), str(Path(__file__).parent)]

pytest.register_assert_rewrite("buildkit_conformance")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def daemon() -> Iterator[Daemon]:
    with Daemon() as running:
        yield running


@pytest.fixture(scope="session")
def graph_daemon() -> Iterator[Daemon]:
    with Daemon(kind=NEWER) as running:
        yield running


@pytest.fixture(scope="session")
def newer_daemon() -> Iterator[Daemon]:
    with Daemon(kind=NEWER_IN_CONTAINERD) as running:
        yield running


class RemoteProject(Project):
    """A project whose builds run on `builders`."""

    builders: tuple[str, ...] = ()

    def options(self, *names: str, **changes: object):  # type: ignore[no-untyped-def]
        return super().options(*names, **{"engine": "buildkit", "builders": self.builders, **changes})


@pytest.fixture
def project(tmp_path: Path, daemon: Daemon) -> RemoteProject:
    made = RemoteProject(tmp_path)
    made.builders = (daemon.address,)
    made.add_busybox()
    return made
