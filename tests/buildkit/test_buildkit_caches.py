"""Two Docker Engines that share nothing but a registry: what one has built, the other finds in its cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from buildkit_daemon import Daemon
from projects import statuses
from registry_server import RegistryServer, free_port

DOCKERFILE = "FROM scratch\nCOPY busybox /bin/sh\nRUN echo once\n"


@pytest.fixture(scope="module")
def other() -> Iterator[Daemon]:
    with Daemon() as running:
        yield running


def spec(project: Any, host: str, more: str = "") -> None:
    project.write("Dockerfile", DOCKERFILE)
    row = f'{{ type = "registry", ref = "{host}/cache:main"{more} }}'
    caches = f"cache-from = [{row.replace(more, '') if more else row}]\ncache-to = [{row}]\n"
    project.write("bake.toml", f'[target.app]\ncontext = "."\nnetwork = "none"\n{caches}')


def ended(result: Any) -> dict[str, str]:
    assert [d for e in result.errors for d in e.diagnostics] == []
    return statuses(result.report.steps)


def test_exchanged_through_a_registry(project: Any, other: Daemon, server: RegistryServer, tmp_path: Path) -> None:
    spec(project, server.host)
    first = project.build(no_cache=True)  # the daemon may have its steps from another file's tests
    assert ended(first) == {"app/0/1": "run", "app/0/2": "run"}
    assert [d.code for d in first.report.diagnostics] == []
    project.store = tmp_path / "another machine's store"
    assert ended(project.build(builders=(other.address,))) == {"app/0/1": "cached", "app/0/2": "cached"}


def test_a_cache_that_cannot_be_written(project: Any) -> None:
    """The build is done for all that, unless the spec says otherwise; the name in the engine is dropped."""
    host = f"127.0.0.1:{free_port()}"
    spec(project, host)
    result = project.build(no_cache=True)
    assert result.errors == ()
    (found,) = (d for d in result.report.diagnostics if d.code == "cache-not-written")
    assert found.severity == "warning" and f"{host}/cache:main-buildkit" in found.message
    spec(project, host, ", ignore-error = false")
    result = project.build(no_cache=True)
    assert result.report.exit_code == 3
    assert [d.code for e in result.errors for d in e.diagnostics] == ["cache-not-written"]
