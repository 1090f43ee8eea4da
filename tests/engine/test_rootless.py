"""The engine as an ordinary user with subordinate ids: the same layers as root makes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from as_user import USER, as_user, ensure_user
from building import make_tree
from outliving import eventually, mounts, processes

SCRIPT = Path(__file__).parents[1] / "support" / "engine_script.py"
Ask = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root makes the user that these tests run as")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory of the user; pytest's own are closed to others."""
    ensure_user()
    path = Path(mkdtemp(prefix="bake-user-"))
    shutil.chown(path, USER, USER)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def ask(place: Path) -> Iterator[Ask]:
    process = subprocess.Popen(
        as_user([sys.executable, str(SCRIPT), str(place)]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout

    def talk(**request: object) -> dict[str, Any]:
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        found: dict[str, Any] = json.loads(process.stdout.readline())
        return found

    assert json.loads(process.stdout.readline())["tier"] == "subordinate"
    yield talk
    process.stdin.close()
    assert process.wait(30) == 0
    process.stdout.close()
    assert list((place / "store/layers").iterdir()) == []  # the engine could remove what it had made


def test_copy_run_and_archive(ask: Ask, place: Path) -> None:
    context = make_tree(place / "context", {"d/f": "F", "d/g": "-> f"})
    copied = ask(copy=str(context), owner="1234:55")
    assert copied["layer"] == {
        "copied": "d 755 1234:55",
        "copied/d": "d 755 1234:55",
        "copied/d/f": "f 644 1234:55",
        "copied/d/g": "l 1234:55 -> f",
    }
    command = (
        "rm -rf /copied/d; mkdir /copied/d; cd /copied/d; echo x > new; chown bob:team new; chmod 6755 new;"
        "rm /etc/group; ln new same; id -u; echo done"
    )
    ran = ask(run=command)
    assert ran.get("error") is None
    assert ran["output"] == ["0", "done"]
    layer = {path: text for path, text in ran["layer"].items() if path not in ("dev", "proc", "sys")}
    assert layer == {
        "copied": "d 755 1234:55",
        "copied/d": "d 755 0:0 opaque",
        "copied/d/new": "f 6755 1001:1003",
        "copied/d/same": "f 6755 1001:1003 = copied/d/new",
        "etc": "d 755 0:0",
        "etc/group": "w",
    }
    packed = ask(archive=True)
    with tarfile.open(packed["blob"]) as archive:
        found = {info.name: (info.uid, info.gid, info.mode) for info in archive}
    for name in ("dev", "proc", "sys"):
        found.pop(name, None)
    assert found == {
        "copied": (1234, 55, 0o755), "copied/d": (0, 0, 0o755), "copied/d/.wh..wh..opq": (0, 0, 0o600),
        "copied/d/new": (1001, 1003, 0o6755), "copied/d/same": (1001, 1003, 0o6755),
        "etc": (0, 0, 0o755), "etc/.wh.group": (0, 0, 0o600),
    }  # fmt: skip


def test_users_and_failures(ask: Ask) -> None:
    ran = ask(run="id -u; id -G; touch /tmp/mine; ls -ln /tmp/mine | cut -d' ' -f1", more={"user": "bob"})
    assert ran["output"] == ["1001", "1002 1003", "-rw-r--r--"]
    failed = ask(run="echo no >&2; exit 9")
    assert failed["error"].endswith("exit code: 9")
    assert failed["output"] == ["no"]
    assert ask(run="mknod /x c 1 3 || echo refused")["output"] == ["refused"]


def test_killed_bake_leaves_nothing_running(place: Path) -> None:
    marker = f"33{os.getpid()}"
    argv = as_user([sys.executable, str(SCRIPT), str(place)])
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        process.stdout.readline()
        command = f"trap '' TERM INT HUP; (setsid sleep {marker} &) ; sleep {marker}"
        process.stdin.write(json.dumps({"run": command}) + "\n")
        process.stdin.flush()
        try:
            assert eventually(lambda: len(processes(f"sleep {marker}")) >= 2)
            assert eventually(lambda: bool(mounts(place)))
        finally:
            process.kill()  # also when this fails: leaving the context waits for it
        assert eventually(lambda: not processes(f"sleep {marker}") and not mounts(place))
        assert not processes(str(place))


_LIMITED = """
for name in $1; do echo 0 > /proc/sys/user/max_$name; done
shift; exec "$@"
"""


@pytest.mark.parametrize(
    ("limits", "tier"), [("", "single"), ("mnt_namespaces user_namespaces pid_namespaces", "none")]
)
def test_hosts_that_allow_less(tmp_path: Path, limits: str, tier: str) -> None:
    """Owners are right in the archive even where they cannot be set on files."""
    context = make_tree(tmp_path / "context", {"f": "F"})
    argv = [sys.executable, str(SCRIPT), str(tmp_path)]
    asked = [{"copy": str(context), "owner": "1234:55"}, {"copy": str(context)}, {"archive": True}, {"run": "id -u"}]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", _LIMITED, "sh", limits, *argv],
        input="".join(json.dumps(each) + "\n" for each in asked),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    ready, first, second, packed, ran = map(json.loads, done.stdout.splitlines())
    assert ready["tier"] == tier
    assert first["layer"] == {"copied": "d 755 1234:55", "copied/f": "f 644 1234:55"}
    assert second["layer"] == {"copied": "d 755 1234:55", "copied/f": "f 644 0:0"}
    with tarfile.open(packed["blob"]) as archive:
        assert {info.name: (info.uid, info.gid) for info in archive} == {"copied": (1234, 55), "copied/f": (0, 0)}
    if tier == "none":
        assert ran["error"] == "this host cannot run RUN steps"
    else:
        assert ran["output"] == ["0"]
