"""Cache mounts used by several bake processes at once: what each sharing mode promises, and where they are kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from projects import Project

HEAD = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
# Each user announces itself, waits some time for the other, and tells how many it has seen at once.
MEET = "touch /c/$N; i=0; while test $i -lt 20 -a $(ls /c | wc -l) -lt 2; do sleep 0.05; i=$((i+1)); done"
MEET += "; echo saw $(ls /c | wc -l); sleep 0.1; rm /c/$N"


def start(project: Project, target: str) -> subprocess.Popen[str]:
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(project.root), "BAKE_STORE": str(project.store)}
    command = [sys.executable, "-m", "bake", target, "--progress", "json"]
    return subprocess.Popen(command, cwd=project.root, env=environment, stderr=subprocess.PIPE, text=True)


def saw(process: subprocess.Popen[str]) -> int:
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    (text,) = (line["text"] for line in lines if line["type"] == "step.log" and line["text"].startswith("saw "))
    return int(text.removeprefix("saw "))


@pytest.mark.parametrize(
    ("sharing", "together", "kept"), [("shared", True, 1), ("locked", False, 1), ("private", False, 2)]
)
def test_two_processes(tmp_path: Path, sharing: str, together: bool, kept: int) -> None:
    project = Project(tmp_path)
    project.add_busybox()
    rows = [f"[target.base]\ndockerfile-inline = '''\n{HEAD}'''\n"]
    for name in ("one", "two"):
        mount = f"--mount=type=cache,id=shop,sharing={sharing},target=/c"
        text = f"FROM base\nENV N={name}\nRUN {mount} {MEET}"
        rows.append(f"[target.{name}]\ncontexts = {{ base = 'target:base' }}\ndockerfile-inline = '''\n{text}\n'''\n")
    project.write("bake.toml", "".join(rows))
    assert project.build("base").errors == ()
    counts = [saw(process) for process in [start(project, "one"), start(project, "two")]]
    assert (2 in counts) == together
    assert len(list((project.store / "caches").glob("*/*/data"))) == kept
    listed = subprocess.run(
        [sys.executable, "-m", "bake", "cache", "du", "--json"], cwd=project.root, capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(project.root), "BAKE_STORE": str(project.store)}, check=False,
    )  # fmt: skip
    assert listed.returncode == 0, listed.stderr
    assert '"cache"' in listed.stdout


def test_two_steps_that_lock_the_same_caches_the_other_way_round(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add_busybox()
    rows = [f"[target.base]\ndockerfile-inline = '''\n{HEAD}'''\n"]
    for name, order in (("one", "ab"), ("two", "ba")):
        mounts = " ".join(f"--mount=type=cache,id={c},sharing=locked,target=/{c}" for c in order)
        runs = "\n".join(f"RUN {mounts} echo {name} {n} >> /a/f" for n in range(3))
        text = f"FROM base\nWORKDIR /{name}\n{runs}"
        rows.append(f"[target.{name}]\ncontexts = {{ base = 'target:base' }}\ndockerfile-inline = '''\n{text}\n'''\n")
    project.write("bake.toml", "".join(rows))
    assert project.build("one", "two", jobs=4).errors == ()
    (kept,) = project.store.glob("caches/*/0/data/f")
    assert len(kept.read_text().splitlines()) == 6
