"""Makes the helpers in tests/support importable by name, deals tests to workers, and gives a file a registry."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says something of the machine and what else it does, and nothing of the code.
settings.register_profile("bake", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bake")

sys.path.insert(0, str(Path(__file__).parent / "support"))

from registry_server import RegistryServer, registry  # noqa: E402

TOGETHER = "tests/e2e/"
"""Tests that stand on one build of the walkthrough: no second worker has to wait for it."""
APART = "tests/buildkit/test_buildkit_conformance.py::"
"""Tests of which each kind of daemon, the first word of their parameters, stands on one build of its own."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One worker a file, as `--dist loadfile` does, one for all of TOGETHER, and one a kind in APART."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(APART):
                return APART + nodeid.partition("[")[2].partition("-")[0]
            return TOGETHER if nodeid.startswith(TOGETHER) else super()._split_scope(nodeid)

    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """A registry of a file's own."""
    with registry(tmp_path_factory.mktemp("registry")) as running:
        yield running
