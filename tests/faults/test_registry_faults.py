"""`bake` as a user runs it, before registries that fail, lie or ask who is there: what is said, sent and kept."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from faulty_proxy import FaultyProxy, faulty_proxy
from registry_auth import TokenServer, docker_config, htpasswd, token_server
from registry_server import RegistryServer, registry
from two_images import SPEC

OCI = "application/vnd.oci.image.manifest.v1+json"
PASSWORD = "hunter2:very/secret+password"


@dataclass(frozen=True)
class User:
    """A directory to work in, and what `bake` runs with."""

    directory: Path
    environment: dict[str, str]

    def bake(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [sys.executable, "-m", "bake", *arguments], cwd=self.directory, env=self.environment,
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False,
        )  # fmt: skip
        assert ended.returncode == status, f"{ended.returncode}\n{ended.stderr[-3000:]}"
        return ended

    def json(self, *arguments: str, status: int = 0) -> Any:
        return json.loads(self.bake(*arguments, status=status).stdout)


def user(directory: Path, host: str, **environment: str) -> User:
    work = directory / "work"
    work.mkdir()
    (work / "bake.toml").write_text(SPEC.format(host=host))
    (work / "big").write_bytes(os.urandom(300_000))
    (work / "small").write_text("small")
    variables = {"PATH": os.environ["PATH"], "HOME": str(directory), "BAKE_STORE": str(directory / "store")}
    return User(work, {**variables, **environment})


@pytest.fixture
def proxy(server: RegistryServer) -> Iterator[FaultyProxy]:
    with faulty_proxy(server.host) as running:
        yield running


def received(proxy: FaultyProxy, path: str = "/uploads/") -> int:
    """Bytes of blobs that were sent."""
    return sum(seen.received for seen in proxy.requests(".*", path))


@pytest.mark.parametrize("progress", ["plain", "json"])
def test_retries_are_shown(proxy: FaultyProxy, tmp_path: Path, progress: str) -> None:
    proxy.add(method="POST", path="/v2/one/blobs/uploads/", status=429, headers={"Retry-After": "1"})
    proxy.add(method="PUT", path="/v2/two/manifests/", status=503)
    proxy.add(method="HEAD", path="/v2/two/", reset=True)
    ended = user(tmp_path, proxy.host).bake("all", "--push", "--progress", progress)
    for reason in ("429", "503", "the connection broke off"):
        (line,) = [line for line in ended.stderr.splitlines() if "trying again in" in line and reason in line]
        assert "trying-again" in line


def test_a_lasting_fault_then_push_goes_on_and_sends_nothing_twice(proxy: FaultyProxy, tmp_path: Path) -> None:
    proxy.add(method="PUT", path="/v2/two/manifests/", times=1000, status=403, body=b"the disk is full")
    me = user(tmp_path, proxy.host)
    ended = me.bake("all", "--push", "--json", status=3)
    report = json.loads(ended.stdout)
    assert "the disk is full" in ended.stderr
    assert "no tag was moved; not published: " in ended.stderr
    assert f"{proxy.host}/one:1" in ended.stderr and "push again to go on" in ended.stderr
    assert {name: row["published"] for name, row in report["targets"].items()} == {"one": False, "two": False}
    assert {row["status"] for row in report["steps"]} == {"run"}
    sent = received(proxy)
    assert sent > 300_000
    me.bake("push", "all", status=3)
    assert received(proxy) == sent
    proxy.faults.clear()
    report = me.json("push", "all", "--json")
    assert received(proxy) == sent  # not a byte of a blob twice
    assert report["transfers"]["pushed_bytes"] == 0 and report["steps"] == []
    assert all(row["published"] for row in report["targets"].values())
    again = me.json("all", "--push", "--json")
    assert {row["status"] for row in again["targets"].values()} == {"unchanged"}
    assert received(proxy) == sent


def test_no_registry_at_all(tmp_path: Path) -> None:
    with faulty_proxy() as gone:
        host = gone.host
    ended = user(tmp_path, host).bake("all", "--push", status=3)
    assert "error[registry-unreachable]" in ended.stderr and "not published" in ended.stderr


LIES: list[tuple[str, dict[str, Any], str]] = [
    ("wrong digest", {"method": "GET", "path": "/manifests/", "corrupt": True}, "not sha256:"),
    ("wrong size", {"method": "GET", "path": "/blobs/", "status": 200, "body": b"short"}, "bytes, not"),
    ("media type", {"method": "GET", "path": "/manifests/", "replace": {"Content-Type": "text/html"}}, ""),
    ("endless manifest", {"method": "GET", "path": "/manifests/", "endless": True}, "longer than"),
    ("endless blob", {"method": "GET", "path": "/blobs/", "endless": True}, "longer than"),
    ("50 MB manifest", {"method": "GET", "path": "/manifests/", "status": 200, "body": b" " * 50_000_000}, "longer"),
    ("no manifest", {"method": "GET", "path": "/manifests/", "status": 200, "body": b"<html>hello</html>"}, "not"),
]


@pytest.fixture(scope="module")
def base(server: RegistryServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A published image to build on."""
    user(tmp_path_factory.mktemp("base"), server.host).bake("one", "--push")
    return "one"


@pytest.mark.parametrize(("name", "lie", "message"), LIES, ids=[row[0].replace(" ", "-") for row in LIES])
def test_a_base_from_a_registry_that_lies(
    proxy: FaultyProxy, base: str, tmp_path: Path, name: str, lie: dict[str, Any], message: str
) -> None:
    """Nothing of it enters the store, and a cause is named."""
    me = user(tmp_path, proxy.host)
    dockerfile = f"FROM {proxy.host}/{base}:1\nCOPY small /\n"
    (me.directory / "bake.toml").write_text(f"[target.app]\ndockerfile-inline = '''\n{dockerfile}'''\n")
    proxy.add(**lie, times=1000)
    if name == "media type":  # what the manifest says of itself is believed, as nothing contradicts it
        me.bake("app")
        return
    ended = me.bake("pull", f"{proxy.host}/{base}:1", status=3)
    assert message in ended.stderr and "error[registry-" in ended.stderr
    assert list((tmp_path / "store/oci/blobs/sha256").iterdir()) == []
    assert me.bake("app", status=3).stdout == ""


def test_a_media_type_that_contradicts_the_manifest(proxy: FaultyProxy, base: str, tmp_path: Path) -> None:
    docker = "application/vnd.docker.distribution.manifest.v2+json"
    proxy.add(path="/manifests/", times=1000, replace={"Content-Type": docker})
    ended = user(tmp_path, proxy.host).bake("inspect", f"{proxy.host}/{base}:1", status=3)
    assert "the registry says the manifest is" in ended.stderr


def test_a_hundred_thousand_tags(tmp_path: Path) -> None:
    """So many are fine; more are refused, as a registry could go on without end."""
    with faulty_proxy() as many:
        most = json.dumps({"name": "x", "tags": [f"t{n}" for n in range(100_000)]}).encode()
        many.add(path="/tags/list", status=200, body=most)
        more = json.dumps({"name": "x", "tags": [f"t{n}" for n in range(100_001)]}).encode()
        many.add(path="/tags/list", times=9, status=200, body=more)
        me = user(tmp_path, many.host)
        assert len(me.bake("tags", f"{many.host}/x").stdout.splitlines()) == 100_000
        assert "more than 100000 names" in me.bake("tags", f"{many.host}/x", status=3).stderr


def spoken(me: User, *arguments: str, status: int) -> str:
    """All that a run leaves for people and machines: outputs, report, events, history, the store's index."""
    report = me.directory / "report.json"
    said = []
    for progress in ("plain", "json"):
        ended = me.bake(*arguments, "--progress", progress, "--report", str(report), status=status)
        said += [ended.stdout, ended.stderr, report.read_text()]
    said.append(me.bake("history", "--json").stdout)
    said += [path.read_bytes().decode("latin-1") for path in Path(me.environment["BAKE_STORE"]).glob("index.db*")]
    return "\n".join(said)


@pytest.mark.parametrize("kind", ["basic", "bearer"])
@pytest.mark.parametrize("right", [True, False])
def test_a_password_is_shown_nowhere(tmp_path: Path, kind: str, right: bool) -> None:
    """Registry and proxy quote what they were given, as bad ones do."""
    with token_server(tmp_path / "tokens", {"alice": PASSWORD}) as tokens:
        auth = tokens.auth if kind == "bearer" else htpasswd(tmp_path / "passwords", {"alice": PASSWORD})
        with registry(tmp_path / "registry", auth=auth) as running, faulty_proxy(running.host) as proxy:
            pair = base64.b64encode(f"alice:{PASSWORD if right else PASSWORD + '?'}".encode()).decode()
            quoted = json.dumps({"errors": [{"code": "DENIED", "message": f"no: {PASSWORD}? Basic {pair}"}]}).encode()
            proxy.add(method="POST", path="/uploads/", status=403, times=1000, body=quoted)
            docker_config(tmp_path / "docker", {"auths": {proxy.host: {"auth": pair}}})
            me = user(tmp_path, proxy.host, DOCKER_CONFIG=str(tmp_path / "docker"))
            said = spoken(me, "all", "--push", status=3)
    assert "registry-" in said
    for secret in (PASSWORD, pair, "hunter2", "eyJ"):
        assert secret not in said


@contextmanager
def tokened(tmp_path: Path) -> Iterator[tuple[TokenServer, FaultyProxy, User]]:
    """A registry with a token server, a proxy before it, and a user who is known there."""
    with (
        token_server(tmp_path / "tokens", {"alice": PASSWORD}) as tokens,
        registry(tmp_path / "registry", auth=tokens.auth) as running,
        faulty_proxy(running.host) as proxy,
    ):
        pair = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
        docker_config(tmp_path / "docker", {"auths": {proxy.host: {"auth": pair}}})
        yield tokens, proxy, user(tmp_path, proxy.host, DOCKER_CONFIG=str(tmp_path / "docker"))


def test_a_token_that_expires_in_the_middle_of_a_push(tmp_path: Path) -> None:
    """The registry refuses it half way through; a new one is fetched and nothing is lost."""
    with tokened(tmp_path) as (tokens, proxy, me):
        realm = tokens.auth["token"]["realm"]  # type: ignore[index]
        stale = {"WWW-Authenticate": f'Bearer realm="{realm}",service="test-registry",error="invalid_token"'}
        for method, path in (("PUT", "one/blobs/uploads/"), ("PUT", "one/manifests/"), ("HEAD", "two/")):
            proxy.add(method=method, path=f"/v2/{path}", status=401, headers=stale, body=b"{}")
        report = me.json("all", "--push", "--json")
    assert all(row["published"] for row in report["targets"].values())
    assert not any(fault.times for fault in proxy.faults)
    assert len(tokens.requests) > len({scopes for _, scopes in tokens.requests})


def test_no_token_follows_a_redirect_or_an_upload_to_another_host(tmp_path: Path) -> None:
    with tokened(tmp_path) as (_, proxy, me), faulty_proxy() as elsewhere:
        me.bake("one", "--push")
        where = f"http://{elsewhere.host}/stolen"
        proxy.add(method="GET", path="/blobs/", times=50, status=307, headers={"Location": where})
        me.bake("inspect", f"{proxy.host}/one:1", status=3)
        assert elsewhere.requests("GET", "/stolen")
        proxy.faults.clear()
        upload = f"http://{elsewhere.host}/upload"
        proxy.add(method="POST", path="/v2/two/", times=50, status=202, headers={"Location": upload})
        me.bake("two", "--push", status=3)
        assert elsewhere.requests("PUT", "/upload")
        assert not any("Authorization" in seen.headers for seen in elsewhere.seen)


def digests(server: RegistryServer, names: list[str]) -> set[str]:
    """What the tags of these names point at."""
    found = set()
    for name in names:
        request = Request(f"http://{server.host}/v2/{name}", headers={"Accept": OCI}, method="HEAD")
        with urlopen(request) as answer:
            found.add(answer.headers["Docker-Content-Digest"])
    return found


def test_two_processes_that_move_the_same_tags(server: RegistryServer, tmp_path: Path) -> None:
    """All six tags are those of one run in the end."""
    tags = [f"shared/t{n}" for n in range(6)]
    spec = "[target.app]\ntags = [{}]\ndockerfile-inline = '''\nFROM scratch\nCOPY big /big\n'''\n"
    users = []
    for name in "ab":
        (tmp_path / name).mkdir()
        users.append(user(tmp_path / name, server.host))
        (users[-1].directory / "bake.toml").write_text(spec.format(", ".join(f'"{server.host}/{t}:1"' for t in tags)))
        users[-1].bake("app")
    argv = [sys.executable, "-m", "bake", "push", "app"]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(argv, cwd=each.directory, env=each.environment, stderr=pipe) for each in users]
    for process in running:
        _, said = process.communicate(timeout=100)
        assert process.returncode == 0, said.decode()
    assert len(digests(server, [f"{tag}/manifests/1" for tag in tags])) == 1


def test_killed_in_the_middle_of_a_push(proxy: FaultyProxy, tmp_path: Path) -> None:
    me = user(tmp_path, proxy.host)
    proxy.add(method="PUT", path="/v2/two/manifests/", hang=True)
    argv = [sys.executable, "-m", "bake", "all", "--push", "--progress", "json"]
    process = subprocess.Popen(argv, cwd=me.directory, env=me.environment, stderr=subprocess.PIPE)
    assert process.stderr is not None
    big = next(
        line for line in process.stderr if b'"blob.finished"' in line and b"/one" in line and b'"pushed"' in line
    )
    assert proxy.hanging.wait(30)
    process.kill()
    process.communicate()
    assert json.loads(big)["repository"].endswith("/one")
    sent = {seen.path.rpartition("digest=")[2] for seen in proxy.requests("PUT", "/uploads/")}
    report = me.json("push", "all", "--json")
    assert all(row["published"] for row in report["targets"].values())
    later = [seen.path.rpartition("digest=")[2] for seen in proxy.requests("PUT", "/uploads/")]
    assert all(later.count(digest) == 1 for digest in sent)
