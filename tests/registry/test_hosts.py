"""Where registries are, what is trusted, and that nothing heavy is imported before it is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bake.registry import problems
from bake.registry.hosts import Hosts, HostSettings, address, default_hosts, is_loopback, schemes, verifies
from bake.registry.patience import Patience


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:1", "[::1]:5000", "a.localhost"]
)
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["localhost.example", "128.0.0.1", "10.0.0.1:5000", "[::2]", "docker.io", "mylocalhost", ""]
)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


PLAIN, INSECURE, CA = HostSettings(), HostSettings(insecure=True), HostSettings(ca=(Path("ca.crt"),))


@pytest.mark.parametrize(
    ("domain", "settings", "order", "verified"),
    [
        ("r.io", PLAIN, ("https",), True),
        ("r.io", INSECURE, ("https", "http"), False),
        ("r.io", CA, ("https",), True),
        ("localhost:5000", PLAIN, ("http", "https"), False),
        ("localhost:5000", CA, ("https",), True),
    ],
)
def test_schemes_and_trust(domain: str, settings: HostSettings, order: tuple[str, ...], verified: bool) -> None:
    assert schemes(domain, settings) == order
    assert verifies(domain, settings) == verified


def test_docker_hub_is_elsewhere() -> None:
    assert address("docker.io") == "registry-1.docker.io"
    assert address("r.io:5000") == "r.io:5000"


def test_certificates_of_the_first_directory_that_has_the_host(tmp_path: Path) -> None:
    for name in ("one/other:1/x.crt", "two/r.io/b.crt", "two/r.io/a.crt", "two/r.io/me.cert", "three/r.io/no.crt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    hosts = Hosts({"s.io": INSECURE}, tuple(tmp_path / d for d in ("none", "one", "two", "three")))
    directory = tmp_path / "two/r.io"
    assert hosts.of("r.io") == HostSettings(
        ca=(directory / "a.crt", directory / "b.crt"), certificate=directory / "me.cert", key=directory / "me.key"
    )
    assert hosts.of("s.io") == INSECURE
    assert hosts.of("t.io") == PLAIN


def test_the_usual_directories() -> None:
    found = default_hosts({}, {"HOME": "/h", "DOCKER_CONFIG": "/d"}).certs_d
    assert found[:2] == (Path("/h/.config/containers/certs.d"), Path("/d/certs.d"))
    assert Path("/etc/docker/certs.d") in found


def test_pauses_grow_and_end() -> None:
    pauses = list(Patience(tries=6, first=1.0, most=4.0).pauses())
    assert len(pauses) == 5
    for pause, base in zip(pauses, (1, 2, 4, 4, 4), strict=True):
        assert 0.6 * base <= pause <= base


@pytest.mark.parametrize(
    ("body", "codes", "words"),
    [
        (b'{"errors":[{"code":"DENIED","message":"no","detail":"why"}]}', ("DENIED",), "no: why"),
        (b'{"errors":[{"code":"A"},{"message":"b","detail":{}}]}', ("A", ""), "A; b"),
        (b'{"errors":["x"]}', (), '{"errors":["x"]}'),
        (b"plain\n text", (), "plain text"),
        (b"<html><body>big page</body></html>", (), "there is no such thing there"),
        (b"", (), "there is no such thing there"),
        (b"\xff\x00\x1b", (), "�"),
        (b"x" * 1000, (), "x" * 299 + "…"),
    ],
)
def test_what_a_registry_says(body: bytes, codes: tuple[str, ...], words: str) -> None:
    error = problems.refused("do it", "https://u:p@r.io/v2/x?token=t#f", 404, body)
    assert (error.status, error.codes) == (404, codes)
    assert error.diagnostics[0].message == f"cannot do it: {words} (404 from https://r.io/v2/x)"


def test_secrets_are_cut_out_longest_first() -> None:
    assert problems.redact("got pass and password1", ["pass", "", "password1"]) == "got *** and ***"


def test_importing_the_client_imports_no_http_stack() -> None:
    heavy = "{'urllib3', 'ssl', 'http.client', 'socket', 'asyncio', 'subprocess'}"
    code = f"""
import sys, bake.registry.client, bake.registry.push, bake.registry.pull
from bake.registry.client import Registry
from bake.registry.hosts import Hosts
Registry(Hosts(), ()).close()
print(sorted(({heavy} - {{'socket'}}) & set(sys.modules)))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
