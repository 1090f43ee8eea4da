"""`ssh` entries that name key files: steps get a private agent, real ssh-add asks it, and nothing of it stays."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import Project

from bake.app.ssh_keys import KeyAgents
from bake.errors import InputError

STEP = """FROM scratch
COPY root /
COPY busybox /bin/busybox
RUN --mount=type=ssh{flags} ["/bin/busybox", "sh", "-c", "/bin/ssh-add -l > /keys || /bin/busybox echo none > /keys"]
"""


@pytest.fixture(autouse=True)
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where agents' sockets are put."""
    for program in ("ssh-agent", "ssh-keygen", "ssh-add"):
        if shutil.which(program) is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(
                f"{program} is missing: apt-get install openssh-client"
            )
    place = Path(tempfile.mkdtemp(prefix="s"))
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    shutil.rmtree(place)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add_busybox()
    for path in ("/usr/bin/ssh-add", *libraries("/usr/bin/ssh-add")):
        to = project.root / "root" / ("bin/ssh-add" if path.endswith("ssh-add") else path.lstrip("/"))
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)
    return project


def libraries(program: str) -> list[str]:
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.split()
    return [word for word in said if word.startswith("/")]


def make_key(path: Path, comment: str, passphrase: str = "") -> Path:
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", comment, "-f", str(path)]
    subprocess.run(words, check=True)
    return path


def seen(project: Project, name: str) -> str:
    (path,) = [path for path in project.store.glob("layers/*/fs/keys") if name in path.read_text()] or [None]
    return path.read_text() if path else ""


def test_steps_see_the_keys_of_their_entry_and_no_others(project: Project, tmp_path: Path, scratch: Path) -> None:
    for name in ("one", "two", "three"):
        make_key(tmp_path / name, f"comment-{name}")
    project.write(
        "bake.toml",
        f"""
[target.app]
ssh = [{{ id = "default", paths = ["../one"] }}, {{ id = "more", paths = ["../two", "../three"] }}]
dockerfile-inline = '''
{STEP.format(flags="")}
'''
[target.more]
ssh = [{{ id = "default", paths = ["../one"] }}, "more={tmp_path}/two,{tmp_path}/three"]
dockerfile-inline = '''
{STEP.format(flags=",id=more")}
'''
""",
    )
    assert project.build("all").report.outcome == "ok"
    assert [word for word in ("one", "two", "three") if f"comment-{word}" in seen(project, "comment-one")] == ["one"]
    assert [word for word in ("one", "two", "three") if f"comment-{word}" in seen(project, "-two")] == ["two", "three"]
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [("locked", "passphrase"), ("text", "error in libcrypto"), ("gone", ""), ("gone-too", "is no file")],
)
def test_what_is_no_key(project: Project, tmp_path: Path, scratch: Path, given: str, said: str) -> None:
    make_key(tmp_path / "locked", "c", "hush hush")
    (tmp_path / "text").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nnothing\n-----END OPENSSH PRIVATE KEY-----\n")
    (tmp_path / "text").chmod(0o600)
    paths = '["../locked", "../gone"]' if given == "gone-too" else f'["../{given}"]'
    spec = f"""[target.app]
ssh = [{{ id = "default", paths = {paths} }}]
dockerfile-inline = '''
{STEP.format(flags="")}
'''
"""
    project.write("bake.toml", spec)
    errors = project.build("app").errors
    (found,) = errors[0].diagnostics
    assert found.code == ("no-ssh-agent" if given == "gone" else "bad-ssh-key")
    assert said in found.message or "invalid format" in found.message
    assert found.code == "no-ssh-agent" or (found.span is not None and found.span.line == 2)
    assert list(scratch.iterdir()) == []


def test_an_agent_serves_a_run_and_ends_with_it(tmp_path: Path) -> None:
    key = make_key(tmp_path / "k", "c")
    agents = KeyAgents()
    socket = agents.socket([str(key)], None)
    assert agents.socket([str(key)], None) == socket
    assert os.stat(os.path.dirname(socket)).st_mode & 0o777 == 0o700
    (agent,) = agents._running.values()
    agents.close()
    for _ in range(1000):
        if not is_running(agent._pid):
            break
        time.sleep(0.02)
    assert not is_running(agent._pid)
    assert not os.path.exists(socket)


def is_running(process: int) -> bool:
    """Not when it is gone, or dead and not buried by who has to."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_socket_stands_alone(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as listening, pytest.raises(InputError, match="stands beside others"):
        listening.bind(str(tmp_path / "a"))
        KeyAgents().socket([str(tmp_path / "a"), str(tmp_path / "b")], None)
