"""`bake pull`: what it downloads is verified, is not downloaded twice, and is all that a build needs offline."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from faulty_proxy import faulty_proxy
from registry_server import RegistryServer

Line = Callable[[str], tuple[int, str, str]]
BASE = '''
[target.base]
tags = ["{host}/base:1"]
dockerfile-inline = """
FROM scratch
COPY root /
"""
'''
APP = '''
[target.app]
dockerfile-inline = """
FROM {host}/base:1
RUN echo hello >/hello
"""
'''


@pytest.fixture
def published(line: Line, server: RegistryServer) -> Line:
    Path("bake.toml").write_text(BASE.format(host=server.host))
    assert line("base --push")[0] == 0
    return line


def test_a_build_needs_no_network_afterwards(
    published: Line, server: RegistryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAKE_STORE", str(tmp_path / "fresh"))
    with faulty_proxy(server.host) as proxy:
        host = proxy.host
        code, out, _ = published(f"pull {host}/base:1 --json")
        assert code == 0
        (row,) = json.loads(out)["images"]
        assert row["reference"] == f"{host}/base:1" and row["size"] > 100_000
        fetched = len(proxy.requests("GET", "/blobs/"))
        assert published(f"pull {host}/base:1")[0] == 0
        assert len(proxy.requests("GET", "/blobs/")) == fetched
    Path("bake.toml").write_text(APP.format(host=host))
    code, _, err = published("app")
    assert code == 0 and "warning[offline]" in err


@pytest.mark.parametrize(
    "fault", [{"corrupt": True}, {"truncate": 100}, {"endless": True}, {"status": 200, "body": b"not it"}]
)
def test_nothing_unverified_enters_the_store(
    published: Line, server: RegistryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: dict[str, object]
) -> None:
    monkeypatch.setenv("BAKE_STORE", str(tmp_path / "fresh"))
    monkeypatch.setattr("bake.registry.patience.Patience.pauses", lambda _self: iter((0.01, 0.01)))
    with faulty_proxy(server.host) as proxy:
        proxy.add(method="GET", path="/blobs/", times=1000, **fault)
        code, out, err = published(f"pull {proxy.host}/base:1")
    assert (code, out) == (3, "")
    assert "error[registry-" in err
    assert list((tmp_path / "fresh/oci/blobs/sha256").iterdir()) == []


def test_what_cannot_be_had(published: Line, server: RegistryServer) -> None:
    code, out, err = published(f"pull {server.host}/base:1 {server.host}/none:1")
    assert code == 3 and f"{server.host}/base:1" in out and "registry-not-found" in err
    code, _, err = published("pull UPPER/Case")
    assert code == 2 and "bad-reference" in err
    code, _, err = published("pull a --platform x/y/z/w")
    assert code == 2 and "bad-platform" in err
