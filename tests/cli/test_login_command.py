"""`bake login` and `bake logout` on real registries: who is refused, what is written where, what stays."""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import stat
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from guarded_registries import PASSWORD
from registry_auth import TokenServer
from registry_server import RegistryServer, registry

from bake.app.login import registry_host
from bake.errors import InputError

HELPER = """#!/bin/sh
input=$(cat)
case $1 in
  store) printf %s "$input" >"$KEPT"; printf '%s\\n' "$1 $input" >>"$KEPT.log" ;;
  get) [ -s "$KEPT" ] && cat "$KEPT" || { echo "credentials not found in native keychain"; exit 1; } ;;
  erase) rm "$KEPT" ;;
esac
"""
Login = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(line: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert line  # which clears the variable
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    return tmp_path / "docker/config.json"


@pytest.fixture
def login(line: Callable[[str], tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, config: Path) -> Login:
    """`bake login … --username alice --password-stdin` with a password on standard input."""

    def call(host: str, password: str = PASSWORD + "\n") -> tuple[int, str, str]:
        assert config.name == "config.json"
        monkeypatch.setattr("sys.stdin", io.StringIO(password))
        return line(f"login {host} --username alice --password-stdin")

    return call


def document(config: Path) -> Any:
    return json.loads(config.read_text())


def test_what_docker_would_write(guarded: RegistryServer, login: Login, config: Path, line: Any) -> None:
    code, out, err = login(guarded.host)
    assert (code, out) == (0, f"logged in to {guarded.host} as alice; kept in TMP/docker/config.json\n")
    assert "unencrypted" in err
    pair = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
    assert document(config) == {"auths": {guarded.host: {"auth": pair}}}
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert line(f"catalog {guarded.host}")[0] == 0

    assert line(f"logout {guarded.host}")[:2] == (
        0,
        f"logged out of {guarded.host}; removed from TMP/docker/config.json\n",
    )
    assert document(config) == {"auths": {}}
    assert line(f"logout {guarded.host}")[:2] == (0, f"not logged in to {guarded.host}\n")
    assert line(f"catalog {guarded.host}")[0] == 3


def test_all_else_in_the_file_stays(guarded: RegistryServer, login: Login, config: Path, tmp_path: Path) -> None:
    kept = {"psFormat": "x", "auths": {"other.example": {"auth": "b3RoZXI6cHc="}}, "plugins": {"a": {"b": "c"}}}
    (tmp_path / "elsewhere.json").write_text(json.dumps(kept))
    (tmp_path / "elsewhere.json").chmod(0o644)
    config.parent.mkdir()
    config.symlink_to(tmp_path / "elsewhere.json")
    assert login(guarded.host)[0] == 0
    found = document(config)
    assert found.pop("auths").pop("other.example") == kept["auths"]["other.example"]
    assert found == {"psFormat": "x", "plugins": {"a": {"b": "c"}}}
    assert config.is_symlink()
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert list(found) == ["psFormat", "plugins"]


def test_what_the_registry_refuses_is_not_kept(guarded: RegistryServer, login: Login, config: Path) -> None:
    code, out, err = login(guarded.host, "wrong-password")
    assert (code, out) == (3, "")
    assert "error[login-refused]" in err and "wrong-password" not in err
    assert not config.exists()


@pytest.mark.parametrize("password", [PASSWORD, "wrong-password"])
def test_with_a_token_server(tokened: RegistryServer, login: Login, config: Path, line: Any, password: str) -> None:
    code, out, err = login(tokened.host, password)
    assert password not in out + err
    if password != PASSWORD:
        assert code == 3 and not config.exists() and "login-refused" in err
        return
    assert code == 0
    assert line(f"catalog {tokened.host}")[0] == 0


def test_an_identity_token_is_kept_instead_of_the_password(
    tokened: RegistryServer, tokens: TokenServer, login: Login, config: Path, line: Any
) -> None:
    tokens.offline = True
    try:
        assert login(tokened.host)[0] == 0
    finally:
        tokens.offline = False
    assert document(config)["auths"][tokened.host] == {
        "auth": base64.b64encode(b"alice:").decode(),
        "identitytoken": tokens.refresh_token,
    }
    assert line(f"catalog {tokened.host}")[0] == 0


@pytest.mark.parametrize("key", ["credsStore", "credHelpers"])
def test_a_helper_keeps_it(
    guarded: RegistryServer, login: Login, config: Path, line: Any, tmp_path: Path, monkeypatch: Any, key: str
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker-credential-vault").write_text(HELPER)
    (tmp_path / "bin/docker-credential-vault").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setenv("KEPT", str(tmp_path / "kept"))
    config.parent.mkdir()
    config.write_text(json.dumps({key: "vault" if key == "credsStore" else {guarded.host: "vault"}}))
    code, out, err = login(guarded.host)
    assert (code, out) == (0, f"logged in to {guarded.host} as alice; kept in docker-credential-vault\n")
    assert "unencrypted" not in err
    assert json.loads((tmp_path / "kept").read_text()) == {
        "ServerURL": guarded.host,
        "Username": "alice",
        "Secret": PASSWORD,
    }
    assert document(config)["auths"] == {guarded.host: {}}
    assert PASSWORD not in config.read_text()
    assert line(f"catalog {guarded.host}")[0] == 0
    assert "docker-credential-vault" in line(f"logout {guarded.host}")[1]
    assert not (tmp_path / "kept").exists()


def test_podmans_logins_are_read(guarded: RegistryServer, line: Any, tmp_path: Path) -> None:
    pair = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
    file = tmp_path / "home/.config/containers/auth.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"auths": {guarded.host: {"auth": pair}}}))
    assert line(f"catalog {guarded.host}")[0] == 0


def test_an_open_registry_proves_nothing(login: Login, tmp_path: Path) -> None:
    with registry(tmp_path / "open") as running:
        code, _, err = login(running.host)
    assert code == 0 and "did not check the password" in err


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        ("login r.io --password-stdin", "x", "--password-stdin needs --username"),
        ("login r.io -u alice --password-stdin", "\n", "no password on standard input"),
        ("login r.io -u alice", "x", "no terminal"),
        ("login http://r.io/team/app -u alice --password-stdin", "x", "not a registry's name"),
    ],
)
def test_what_is_missing(line: Any, monkeypatch: Any, arguments: str, stdin: str, message: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    code, _, err = line(arguments)
    assert code == 2 and message in err


def test_a_damaged_file_is_left_alone(guarded: RegistryServer, login: Login, config: Path) -> None:
    config.parent.mkdir()
    config.write_text('{"auths": ')
    code, _, err = login(guarded.host)
    assert code == 4 and "error[credentials-file]" in err
    assert config.read_text() == '{"auths": '


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("", "docker.io"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("docker.io", "docker.io"),
        ("localhost:5000", "localhost:5000"),
        ("https://r.io/", "r.io"),
        ("[::1]:5000", "[::1]:5000"),
        ("r.io/team", None),
        ("user@r.io", None),
        ("r io", None),
        ("r.io:port", None),
    ],
)
def test_hosts_as_people_write_them(text: str, host: str | None) -> None:
    if host is None:
        with pytest.raises(InputError):
            registry_host(text)
    else:
        assert registry_host(text) == host


def test_the_terminal_is_asked_and_shows_no_password(guarded: RegistryServer, config: Path, tmp_path: Path) -> None:
    leader, follower = os.openpty()
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "DOCKER_CONFIG": str(config.parent)}
    process = subprocess.Popen(
        [sys.executable, "-m", "bake", "login", guarded.host],
        stdin=follower, stdout=follower, stderr=follower, env=environment, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(follower, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(follower)
    said = b""
    for question, answer in ((b"Username", "alice"), (b"Password", PASSWORD)):
        while question not in said:
            said += os.read(leader, 1000)
        os.write(leader, f"{answer}\n".encode())
    try:
        while block := os.read(leader, 1000):
            said += block
    except OSError:
        pass  # the other side has gone
    assert process.wait(30) == 0, said.decode()
    assert PASSWORD not in said.decode() and f"logged in to {guarded.host} as alice" in said.decode()
    os.close(leader)
