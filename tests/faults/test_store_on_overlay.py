"""What overlayfs cannot do: a store that lies on one, and more layers than it stacks. Clear errors, nothing left."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import Project, statuses

from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.overlay import mount_state
from bake.errors import HostError

RUNS = 'RUN ["/bin/busybox", "touch", "/x"]\nRUN ["/bin/busybox", "rm", "/x"]\n'


@pytest.fixture
def overlay(tmp_path: Path) -> Iterator[Path]:
    """A directory on overlayfs, as the root of a container is one."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    top = tmp_path / "top"
    top.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(top)], check=True)
    try:
        for name in ("lower", "upper", "work", "merged"):
            (top / name).mkdir()
        options = f"lowerdir={top}/lower,upperdir={top}/upper,workdir={top}/work"
        subprocess.run(["mount", "-t", "overlay", "none", "-o", options, str(top / "merged")], check=True)
        try:
            yield top / "merged"
        finally:
            subprocess.run(["umount", "--lazy", str(top / "merged")], check=True)
    finally:
        subprocess.run(["umount", "--lazy", str(top)], check=True)


def test_a_store_on_overlayfs_is_told_and_files_alone_still_build(tmp_path: Path, overlay: Path) -> None:
    project = Project(tmp_path)
    project.store = overlay / "store"
    project.add_busybox()
    text = "FROM scratch\nCOPY busybox /bin/busybox\nWORKDIR /w\n"
    project.write("bake.toml", f"[target.app]\ndockerfile-inline = '''\n{text}{RUNS}'''\n")
    result = project.build()
    (error,) = result.errors
    assert isinstance(error, HostError)
    (diagnostic,) = error.diagnostics
    assert (diagnostic.code, error.exit_code) == ("no-overlay", 4)
    assert diagnostic.span is not None
    assert "mount a volume" in (diagnostic.hint or "")
    assert list(statuses(result.report.steps).values()) == ["run", "run", "failed", "skipped"]
    assert not [path for path in (project.store / "tmp").glob("*/*") if path.is_dir()]


def test_many_layers_work_and_too_many_are_told(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add_busybox()
    copies = "".join(f"COPY --link <<E /f{n}\n{n}\nE\n" for n in range(150))
    check = 'RUN ["/bin/busybox", "sh", "-c", "/bin/busybox grep 0 /f0 && /bin/busybox grep 149 /f149"]\n'
    project.write("Dockerfile", f"FROM scratch\nCOPY busybox /bin/busybox\n{copies}{check}")
    project.write("bake.toml", "[target.app]\n")
    assert project.build(jobs=4).errors == ()
    with pytest.raises(HostError) as caught:
        mount_state(str(tmp_path), [f"/layer{n}" for n in range(501)], ("/a", "/b"), Ownership("root"))
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == ["too-many-layers"]
