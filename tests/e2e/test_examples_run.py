"""`examples/run` itself, twice: what it shows, and that it stops what it started."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from outliving import processes
from walkthrough import TOP

Built = Any


def test_twice(built: Built, tmp_path: Path) -> None:
    """On the store where all is built already; the registry is new, and kept between the two runs."""
    environment = {**built.walk.environment, "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    for name in ("PYTHONPATH", "REGISTRY", "FILES_URL", "PYTHON_VERSION", "STEP_PIP_CONF", "STEP_PIP_CA"):
        environment.pop(name)
    reports = []
    for _ in range(2):
        ended = subprocess.run([TOP / "examples/run"], env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr[-4000:]
        reports.append(json.loads((tmp_path / "bake-examples/report.json").read_text()))
        for shown in ("Hello from a container!", "multi-stage", f"python{built.python}-fastapi0.115", "schemaVersion"):
            assert shown in ended.stdout
    first, second = reports
    assert first["transfers"]["blobs_pushed"] > 0
    assert {step["status"] for step in second["steps"]} == {"cached"}
    assert second["transfers"]["pushed_bytes"] == 0
    assert second["transfers"]["blobs_present"] > 0
    assert processes(str(tmp_path)) == []
