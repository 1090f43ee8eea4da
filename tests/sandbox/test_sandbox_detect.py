"""Choosing a sandbox: what is kept, and what is said where there is none."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from sandboxes import TIERS, SandboxProcess

from bake.errors import HostError
from bake.sandbox.cgroups import own_cgroups, sweep
from bake.sandbox.detect import detect
from bake.sandbox.program import exit_program


def test_the_smallest_program_runs(tmp_path: Path) -> None:
    program = exit_program()
    assert program is not None
    (tmp_path / "exit").write_bytes(program)
    (tmp_path / "exit").chmod(0o755)
    assert subprocess.run([tmp_path / "exit"], check=False).returncode == 0


def test_nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bake.sandbox.candidates.search_path", lambda: str(tmp_path))
    with pytest.raises(HostError) as raised:
        asyncio.run(detect(True, tmp_path))
    (found,) = raised.value.diagnostics
    assert found.code == "no-sandbox"
    assert found.message.count("not installed") == 3
    assert found.hint == "install the package crun or runc or bubblewrap"


def test_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="unknown sandbox 'docker'"):
        asyncio.run(detect(True, tmp_path, "docker"))


_TIER = "root" if os.geteuid() == 0 else "subordinate"
_DETECT = """
import asyncio, sys
from pathlib import Path
from bake.sandbox.cgroups import own_cgroups, sweep
from bake.sandbox.detect import detect
print(asyncio.run(detect(sys.argv[2] != "root", Path(sys.argv[1]))).name)
"""


def test_a_choice_is_kept_until_something_changes(tmp_path: Path) -> None:
    """What is in the file is believed, so a probe was not made; not when it was written on another host or boot."""
    first = _detected(tmp_path)
    file = tmp_path / "sandbox.json"
    kept = msgspec.json.decode(file.read_bytes())
    last = 3 if _TIER == "root" else 2  # bubblewrap
    file.write_bytes(msgspec.json.encode({**kept, "number": last}))
    assert _detected(tmp_path) == "bubblewrap" != first
    for stale in ({"boot": "x"}, {"host": "x"}, {"number": 99}):
        file.write_bytes(msgspec.json.encode({**kept, "number": last, **stale}))
        assert _detected(tmp_path) == first
    file.write_bytes(b"garbage")
    assert _detected(tmp_path) == first


def _detected(directory: Path) -> str:
    argv = [*TIERS[_TIER], sys.executable, "-c", _DETECT, str(directory), _TIER]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def test_cgroups_of_dead_bakes_are_swept() -> None:
    parent = next((path for path in own_cgroups() if os.access(path, os.W_OK) and path.is_dir()), None)
    if parent is None or os.geteuid() != 0:
        return  # nobody could have made one here
    names = [f"bake-{secrets.token_hex(8)}", f"bake-{secrets.token_hex(8)}", "bake-other"]
    _, used, other = made = [parent / name for name in names]
    for path in made:
        path.mkdir(exist_ok=True)
    with subprocess.Popen(["sleep", "100"]) as process:
        try:
            (used / "cgroup.procs").write_text(str(process.pid))
            asyncio.run(sweep())
            assert [path.exists() for path in made] == [False, True, True]
        finally:
            process.kill()
            process.wait()
            for path in (used, other):
                path.rmdir()


def test_by_itself_a_whole_sandbox_is_chosen() -> None:
    process = SandboxProcess("subordinate", "")
    try:
        assert process.name in ("crun", "runc")
    finally:
        process.close()
