"""Private repositories over HTTP: secrets of a target open them, each for its host, and stay out of the store."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anyio
import pytest
from git_server import Repository, smart_http
from projects import Project

from bake.app.locking import lock
from bake.app.outdated import outdated
from bake.errors import Diagnostic, RemoteError

TOKEN = "hush-" + "4d1f09"
PAIR = b64encode(f"x-access-token:{TOKEN}".encode()).decode()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    Repository(tmp_path / "served/a.git").commit({"Dockerfile": "FROM scratch\nCOPY f /f\n", "f": "1"})
    with smart_http(tmp_path / "served", f"x-access-token:{TOKEN}") as url:
        yield url


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def rows(url: str) -> dict[str, str]:
    """Secret id → value, of those that open the repository."""
    host = url.removeprefix("http://")
    return {
        "GIT_AUTH_TOKEN": TOKEN,
        f"GIT_AUTH_TOKEN.{host}": TOKEN,
        "GIT_AUTH_TOKEN.127.0.0.1": f"{TOKEN}\n",
        "GIT_AUTH_HEADER": f"Basic {PAIR}",
        f"GIT_AUTH_HEADER.{host}": f"basic {PAIR}".replace("basic", "Basic"),
    }


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("use", ["context", "named", "add"])
def test_a_secret_opens_it(project: Project, tmp_path: Path, url: str, number: int, use: str) -> None:
    id, value = list(rows(url).items())[number]
    (tmp_path / "secret").write_text(value)
    text = {
        "context": f'context = "{url}/a.git"',
        "named": f"contexts = {{ src = '{url}/a.git' }}\ndockerfile-inline = 'FROM src'",
        "add": f"dockerfile-inline = '''\nFROM scratch\nADD {url}/a.git /src\n'''",
    }[use]
    project.write("bake.toml", f'[target.app]\nsecret = [{{ id = "{id}", src = "../secret" }}]\n{text}\n')
    assert project.build("app").report.outcome == "ok"
    (tmp_path / "secret").unlink()
    held = [path for path in tmp_path.rglob("*") if path.is_file() and {TOKEN, PAIR} & set_of(path)]
    assert held == []


def set_of(path: Path) -> set[str]:
    data = path.read_bytes()
    return {text for text in (TOKEN, PAIR) if text.encode() in data}


@pytest.mark.parametrize("id", ["GIT_AUTH_TOKEN.example.com", "OTHER", ""])
def test_what_is_of_another_host_or_target_does_not(project: Project, tmp_path: Path, url: str, id: str) -> None:
    (tmp_path / "secret").write_text(TOKEN)
    secret = f'secret = [{{ id = "{id}", src = "../secret" }}]' if id else ""
    other = (
        '[target.other]\nsecret = [{ id = "GIT_AUTH_TOKEN", src = "../secret" }]\ndockerfile-inline = "FROM scratch"'
    )
    project.write("bake.toml", f'[target.app]\n{secret}\ncontext = "{url}/a.git"\n{other}\n')
    with pytest.raises(RemoteError) as caught:
        project.build("app", "other")
    assert TOKEN not in str(caught.value)
    assert "GIT_AUTH_TOKEN" in str(caught.value.diagnostics[0].hint)


def test_the_host_s_own_goes_first(project: Project, tmp_path: Path, url: str) -> None:
    (tmp_path / "secret").write_text(TOKEN)
    (tmp_path / "wrong").write_text("wrong")
    own = f'{{ id = "GIT_AUTH_TOKEN.{url.removeprefix("http://")}", src = "../secret" }}'
    project.write(
        "bake.toml",
        f'[target.app]\ncontext = "{url}/a.git"\nsecret = [{{ id = "GIT_AUTH_TOKEN", src = "../wrong" }}, {own}]\n',
    )
    assert project.build("app").report.outcome == "ok"


def test_locking_and_looking_for_newer_commits_use_it_too(project: Project, tmp_path: Path, url: str) -> None:
    (tmp_path / "secret").write_text(TOKEN)
    secret = 'secret = [{ id = "GIT_AUTH_TOKEN", src = "../secret" }]'
    project.write("bake.toml", f'[target.app]\n{secret}\ncontext = "{url}/a.git#main"\n')
    warned: list[Diagnostic] = []
    options = project.options()
    locked = anyio.run(partial(lock, options, upgrade=None, check=False, warn=warned.append))
    assert locked.entries == 1
    served = tmp_path / "served/a.git"
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "--allow-empty", "-m", "x"],
        cwd=served, check=True,
    )  # fmt: skip
    moved = anyio.run(outdated, options, warned.append)
    assert [(row.targets, row.locked != row.now) for row in moved] == [(("app",), True)]
    assert [each.code for each in warned if each.code == "not-looked-up"] == []
