"""Makes the helpers in tests/support importable by name, whatever import mode is used, and deals tests to workers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says something of the machine and what else it does, and nothing of the code.
settings.register_profile("bake", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bake")

sys.path.insert(0, str(Path(__file__).parent / "support"))

TOGETHER = "tests/e2e/"
"""Tests that stand on one build of the walkthrough: no second worker has to wait for it."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One worker a file, as `--dist loadfile` does, and one for all of TOGETHER."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return TOGETHER if nodeid.startswith(TOGETHER) else super()._split_scope(nodeid)

    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None
