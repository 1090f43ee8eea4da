"""What the daemon asks us in a session, with real builds: files, secrets, an ssh agent, logins, exports."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from buildkit_daemon import Daemon
from guarded_registries import PASSWORD
from projects import statuses
from registry_auth import TokenServer
from registry_server import RegistryServer

from bake.engine.buildkit.services.filesync import FileSync
from bake.events import StepLog
from bake.gather import scan

BASE = 'FROM scratch AS base\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
TARGET = '[target.app]\ncontext = "."\nnetwork = "none"\n'


def said(project: Any) -> list[str]:
    return [event.text for event in project.events if isinstance(event, StepLog)]


@pytest.fixture
def sync(monkeypatch: pytest.MonkeyPatch) -> list[FileSync]:
    """The file services of the builds that follow."""
    made: list[FileSync] = []
    original = FileSync.__init__

    def init(self: FileSync) -> None:
        original(self)
        made.append(self)

    monkeypatch.setattr(FileSync, "__init__", init)
    return made


def test_only_what_is_read_and_only_what_changed_is_sent(
    project: Any, sync: list[FileSync], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(300):
        project.write(f"src/d{number % 7}/f{number}", f"text {number}")
    project.write("other/big", "x" * 1_000_000)
    project.write("src/ignored.log", "no")
    project.write(".dockerignore", "**/*.log\n")
    project.write("Dockerfile", f"{BASE}COPY src /src\nRUN find /src -type f | wc -l; ls /src/ignored.log || true\n")
    project.write("bake.toml", TARGET)
    assert project.build().errors == ()
    assert "300" in said(project)  # what a step says on two streams comes in no order
    assert (sync[0].sent_files, sync[0].sent_bytes < 3_000_000) == (301, True)

    hashed = list[str]()
    real = scan._hash
    monkeypatch.setattr(scan, "_hash", lambda path: hashed.append(path) or real(path))
    project.write("src/d1/f1", "changed")
    assert project.build().errors == ()
    assert (sync[1].sent_files, sync[1].sent_bytes) == (1, 7)
    assert hashed == [str(project.root / "src/d1/f1")]

    project.write("other/big", "y" * 1_000_000)
    project.write("Dockerfile", f"{BASE}COPY src /src\nRUN echo another step\n")
    assert project.build().errors == ()
    assert (sync[2].sent_files, len(hashed)) == (0, 1)


def test_names_and_kinds_of_files(project: Any) -> None:
    for name in ("a", "a.b", "ab", "a-", "ä/ö", "mit leerzeichen", "z/a/b", "z.a/b", "quote'\"", "star*", "[x]"):
        project.write(f"src/{name}" if "/" in name or name != "a" else "src/a/b", name)
    (project.root / "src/link").symlink_to("a/b")
    (project.root / "src/z/a/b").chmod(0o4750)
    (project.root / "src/hard").hardlink_to(project.root / "src/ab")
    command = "cd /src; find . | sort; stat -c %a z/a/b; readlink link; stat -c %h hard"
    project.write("Dockerfile", f"{BASE}COPY src /src\nRUN {command}\n")
    project.write("bake.toml", TARGET)
    assert project.build().errors == ()
    found = [f"./{path.relative_to(project.root / 'src')}" for path in (project.root / "src").rglob("*")]
    assert said(project) == [*sorted([".", *found], key=os.fsencode), "4750", "a/b", "2"]


def test_a_file_that_changes_under_way(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("src/a", "A")
    project.write("Dockerfile", "FROM scratch\nCOPY src /src\n")
    project.write("bake.toml", TARGET)
    from bake.engine.buildkit import site

    opened = site.Site.open

    async def change_first(self: Any) -> Any:
        (project.root / "src/a").write_text("B")
        return await opened(self)

    monkeypatch.setattr(site.Site, "open", change_first)
    result = project.build()
    assert (result.report.exit_code, result.errors[0].diagnostics[0].code) == (2, "context-changed")
    monkeypatch.undo()
    assert project.build().errors == ()


def test_secrets(project: Any, daemon: Daemon) -> None:
    project.write("token", "s3cret-of-one")
    project.write("other", "s3cret-of-two")
    mount = "--mount=type=secret,id=tok,target=/t,mode=0440,uid=7"
    project.write("Dockerfile", f"{BASE}ARG N\nRUN {mount} echo $N; wc -c < /t; stat -c '%a %u' /t; cat /t > /sum\n")
    project.write(
        "bake.toml",
        f'{TARGET.replace("app", "one")}args.N = "1"\nsecret = [{{ id = "tok", src = "token" }}]\n'
        f'{TARGET.replace("app", "two")}args.N = "2"\nsecret = [{{ id = "tok", src = "other" }}]\n'
        f'{TARGET.replace("app", "none")}args.N = "3"\n',
    )
    result = project.build("one", "two")
    assert (result.errors, sorted(said(project))) == ((), ["1", "13", "13", "2", "440 7", "440 7"])
    again = project.build("one", "two", builders=("docker:///nowhere/docker.sock",))
    assert set(statuses(again.report.steps).values()) == {"cached"}
    project.write("Dockerfile", f"{BASE}RUN {mount.replace('type=secret', 'type=secret,required=true')} true\n")
    missing = project.build("none")
    assert [d.code for e in missing.errors for d in e.diagnostics] == ["missing-secret"]
    log = (daemon.root / "log").read_bytes()
    assert b"s3cret" not in log


def test_what_steps_print_of_a_secret_is_masked(project: Any) -> None:
    """In lines and in what is told of a failure; also where a line comes in pieces."""
    project.write("token", "s3cret-of-one\nsecond-of-one\n")
    mount = "--mount=type=secret,id=tok,target=/t"
    lines = "cat /t; echo is $(head -1 /t) >&2; head -c 6 /t; sleep 1; head -1 /t | tail -c +7; false"
    project.write("Dockerfile", f"{BASE}RUN {mount} {lines}\n")
    project.write("bake.toml", f'{TARGET}secret = [{{ id = "tok", src = "token" }}]\n')
    result = project.build()
    assert result.report.exit_code == 1
    assert sorted(said(project)) == ["***", "***", "***", "is ***"]
    told = repr(project.events) + repr(result.report) + "".join(map(str, result.errors))
    assert "s3cret" not in told and "second-of-one" not in told


def test_ssh_agent(project: Any, tmp_path: Path) -> None:
    agent = subprocess.run(["ssh-agent", "-a", str(tmp_path / "agent")], check=True, capture_output=True, text=True)
    pid = int(re.findall(r"SSH_AGENT_PID=(\d+)", agent.stdout)[0])
    try:
        key = tmp_path / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "of-the-test", "-f", str(key)], check=True)
        environment = {**os.environ, "SSH_AUTH_SOCK": str(tmp_path / "agent")}
        subprocess.run(["ssh-add", "-q", str(key)], check=True, env=environment)
        listed = subprocess.run(["ldd", "/usr/bin/ssh-add"], check=True, capture_output=True, text=True).stdout
        for path in ["/usr/bin/ssh-add", *re.findall(r"(/\S+)", listed)]:
            target = project.root / "root" / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        project.write("Dockerfile", f"{BASE}COPY root /\nRUN --mount=type=ssh,required=true /usr/bin/ssh-add -L\n")
        project.write("bake.toml", f'{TARGET}ssh = [{{ id = "default", paths = ["{tmp_path}/agent"] }}]\n')
        assert project.build().errors == ()
        assert [line.split()[-1] for line in said(project)] == ["of-the-test"]
    finally:
        os.kill(pid, 15)
    project.write("bake.toml", TARGET + "no-cache = true\n")
    assert [d.code for e in project.build().errors for d in e.diagnostics] == ["missing-ssh"]


def publish_and_build_on(project: Any, host: str) -> None:
    """A base image pushed to a registry that asks who is there, and an image on it; then one that cannot be pulled."""
    login = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
    project.write(".docker/config.json", json.dumps({"auths": {host: {"auth": login}}}))
    project.write("Dockerfile", f"{BASE}RUN echo {host} > /host\n")
    project.write("bake.toml", f'{TARGET}tags = ["{host}/base:1"]\n')
    pushed = project.build(push=True)
    assert (pushed.errors, pushed.report.targets["app"].published) == ((), True)
    project.write("Dockerfile", f"FROM {host}/base:1\nRUN echo on base\n")
    project.write("bake.toml", f'{TARGET}tags = ["{host}/app:1"]\n')
    built = project.build(push=True)
    assert [d for e in built.errors for d in e.diagnostics] == []
    assert said(project) == ["on base"]
    assert built.report.transfers.blobs_mounted + built.report.transfers.blobs_present >= 2


def test_a_registry_that_asks_for_a_password(project: Any, guarded: RegistryServer) -> None:
    publish_and_build_on(project, guarded.host)


def test_a_registry_with_tokens(project: Any, tokened: RegistryServer, tokens: TokenServer) -> None:
    publish_and_build_on(project, tokened.host)
    assert {user for user, _ in tokens.requests} == {"alice"}


def test_a_name_that_cannot_be_sent(project: Any, capfd: pytest.CaptureFixture[str]) -> None:
    project.write("src/good", "x")
    (project.root / "src" / os.fsdecode(b"\xff")).write_text("x")
    project.write("Dockerfile", "FROM scratch\nCOPY src /src\n")
    project.write("bake.toml", TARGET)
    result = project.build()
    assert (result.report.exit_code, [d.code for e in result.errors for d in e.diagnostics]) == (2, ["bad-file-name"])
    assert "\\xff" in str(result.errors[0]) and "Traceback" not in capfd.readouterr().err


def test_an_answer_that_fails_is_told_and_not_printed(
    project: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from bake.engine.buildkit.services import filesync

    def broken(_file: Any) -> Any:
        raise ValueError("a defect")

    monkeypatch.setattr(filesync, "stat_of", broken)
    project.write("a", str(os.urandom(4)))
    project.write("Dockerfile", "FROM scratch\nCOPY a /a\n")
    project.write("bake.toml", TARGET)
    result = project.build()
    assert result.report.exit_code == 4 and "ValueError: a defect" in str(result.errors[0])
    assert "Traceback" not in capfd.readouterr().err
