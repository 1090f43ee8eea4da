"""A project to run whole command lines in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from guarded_registries import guarded, tokened, tokens  # noqa: F401

from bake.cli import main
from bake.oci.platform import parse_platform

Call = Callable[..., tuple[int, str, str]]
HOST = str(parse_platform(f"linux/{os.uname().machine}"))
SPEC = '''
[target.base]
dockerfile-inline = """
FROM scratch
COPY root /
RUN echo base
"""

[target.app]
contexts = { base = "target:base" }
dockerfile-inline = """
FROM base
ARG V=1
RUN echo $V
COPY main.py /
"""
'''


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command line where bake.toml has `base` and `app`; gives exit code, stdout, stderr."""
    project = tmp_path / "project"
    (project / "root/bin").mkdir(parents=True)
    shutil.copy("/usr/bin/busybox", project / "root/bin/busybox")
    for name in ("sh", "echo", "false"):
        (project / "root/bin" / name).symlink_to("busybox")
    (project / "main.py").write_text("1")
    (project / "bake.toml").write_text(SPEC)
    monkeypatch.chdir(project)
    monkeypatch.setenv("BAKE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "BAKE_DEBUG", "BAKE_ENGINE", "BAKE_JOBS", "BAKE_SANDBOX"):
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)

    def call(text: str) -> tuple[int, str, str]:
        code = main(text.split())
        out, err = capsys.readouterr()
        for path, name in ((tmp_path, "TMP"), (HOST, "linux/amd64")):
            out, err = (said.replace(str(path), name) for said in (out, err))
        return code, out, err

    return call
