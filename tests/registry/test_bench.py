"""bench/registry.py still runs, on little work; what it prints is no test's business."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench/registry.py"


def test_the_benchmark_runs(tmp_path: Path) -> None:
    argv = [sys.executable, str(BENCH), "--size", "4", "--images", "1", "--runs", "1"]
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(argv, env=variables, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("throughput ratio") == 2 and "ratio" in done.stdout.splitlines()[-1]
