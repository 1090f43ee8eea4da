"""A build with nothing to do loads nothing that only work needs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from walkthrough import TOP

HEAVY = {"networkx", "urllib3", "jinja2", "grpclib", "rich.live", "tarfile", "http.client", "zstandard", "isal"} | {
    "opentelemetry", "requests", "google.protobuf", "bake.render.trace"
}  # fmt: skip
NAME_MODULES = """
import sys
from bake.cli import main
code = main(sys.argv[1:])
print("modules", *sys.modules, file=sys.stderr)
sys.exit(code)
"""
SPEC = """
[target.app]
tags = ["localhost:1/app"]
dockerfile-inline = '''
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "true"]
'''
"""


@pytest.mark.parametrize("line", ["build", "build --json", "build --progress plain", "plan", "plan --json"])
def test_a_noop_imports_nothing_heavy(tmp_path: Path, line: str) -> None:
    busybox = shutil.which("busybox")
    assert busybox
    shutil.copy(busybox, tmp_path)
    (tmp_path / "bake.toml").write_text(SPEC)

    def bake(*arguments: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-c", NAME_MODULES, *arguments, "app"],
            cwd=tmp_path,
            env={"PATH": "/usr/sbin:/usr/bin:/bin", "BAKE_STORE": str(tmp_path / "store"), "PYTHONPATH": str(TOP)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stderr

    bake("build")
    names = bake(*line.split()).splitlines()[-1].split()
    assert names[0] == "modules"
    assert not HEAVY & set(names)


def test_the_second_build_runs_nothing(tmp_path: Path) -> None:
    """The check above is of a build that really has nothing to do."""
    busybox = shutil.which("busybox")
    assert busybox
    shutil.copy(busybox, tmp_path)
    (tmp_path / "bake.toml").write_text(SPEC)
    environment = {"PATH": "/usr/sbin:/usr/bin:/bin", "BAKE_STORE": str(tmp_path / "store"), "PYTHONPATH": str(TOP)}
    command = [sys.executable, "-m", "bake", "build", "app", "--json"]
    found = []
    for _ in range(2):
        ended = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
        found.append({step["status"] for step in json.loads(ended.stdout)["steps"]})
    assert found == [{"run"}, {"cached"}]
