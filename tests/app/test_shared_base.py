"""Twenty images on one base: it is sent at most once, and never where it lives in the registry already."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import urlopen

from faulty_proxy import FaultyProxy, faulty_proxy
from projects import Project
from registry_server import registry

BASE = """
[target.base]
tags = ["{host}/base:1"]
dockerfile-inline = '''
FROM scratch
COPY base /base
'''
"""
MATRIX = """
[target.app]
matrix.n = [{numbers}]
args = {{ N = "${{n}}" }}
tags = ["{host}/app${{n}}:1"]
dockerfile-inline = '''
FROM {base}
ARG N
LABEL n=$N
COPY app /app
'''
"""
NUMBERS = ", ".join(f'"{n}"' for n in range(20))


def layers(host: str, name: str) -> list[str]:
    from urllib.request import Request

    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    with urlopen(Request(f"http://{host}/v2/{name}/manifests/1", headers=accept)) as answer:
        return [row["digest"] for row in json.load(answer)["layers"]]


def uploads(proxy: FaultyProxy, digest: str) -> int:
    hexes = digest.removeprefix("sha256:")
    return len([s for s in proxy.requests("PUT", "/uploads/") if hexes in s.path])


def test_a_base_in_the_same_registry_is_never_sent(tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as server, faulty_proxy(server.host) as proxy:
        first = Project(tmp_path / "first")
        first.write("bake.toml", BASE.format(host=proxy.host))
        (first.root / "base").write_bytes(b"b" * 500_000)
        assert first.build("base", push=True).errors == ()
        (base,) = layers(server.host, "base")
        proxy.seen.clear()
        fresh = Project(tmp_path / "fresh")  # an empty store, as on another machine
        fresh.write("bake.toml", MATRIX.format(host=proxy.host, numbers=NUMBERS, base=f"{proxy.host}/base:1"))
        fresh.write("app", "app")
        result = fresh.build("app", push=True)
        assert result.errors == ()
        assert all(target.published for target in result.report.targets.values())
        assert uploads(proxy, base) == 0
        assert len(proxy.requests("GET", f"/blobs/{base}")) <= 1  # a COPY runs on it
        assert result.report.transfers.blobs_mounted >= 20
        assert {layers(server.host, f"app{n}")[0] for n in range(20)} == {base}


def test_a_base_that_is_built_too_is_sent_once(tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as server, faulty_proxy(server.host) as proxy:
        made = Project(tmp_path)
        spec = BASE + MATRIX
        made.write("bake.toml", spec.format(host=proxy.host, numbers=NUMBERS, base=f"{proxy.host}/base:1"))
        (made.root / "base").write_bytes(b"b" * 500_000)
        made.write("app", "app")
        result = made.build("all", push=True)
        assert result.errors == ()
        (base,) = layers(server.host, "base")
        assert uploads(proxy, base) == 1
        shared = {layer for n in range(20) for layer in layers(server.host, f"app{n}")}
        assert all(uploads(proxy, layer) == 1 for layer in shared)
