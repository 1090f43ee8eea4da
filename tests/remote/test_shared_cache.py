"""A cache between machines that share nothing but a registry: two stores, two checkouts, a real docker-registry."""

from __future__ import annotations

from pathlib import Path

from faulty_proxy import faulty_proxy
from projects import Project, statuses
from registry_server import registry

SPEC = """
[defaults]
cache-to = [{{ type = "registry", ref = "{host}/cache:main", mode = "{mode}" }}]
cache-from = [{{ type = "registry", ref = "{host}/cache:main" }}]
[target.app]
tags = ["{host}/app:1"]
dockerfile-inline = '''
FROM scratch AS base
COPY busybox /bin/sh
FROM base AS build
COPY source /source
RUN tr a-z A-Z < /source > /made
FROM base
COPY config /config
COPY --from=build /made /made
RUN cat /config /made > /all
'''
"""


def machine(directory: Path, host: str, mode: str = "max") -> Project:
    made = Project(directory)
    made.write("bake.toml", SPEC.format(host=host, mode=mode))
    made.add_busybox()
    made.write("source", "source")
    made.write("config", "config")
    return made


def test_another_machine_hits_everything(tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as server, faulty_proxy(server.host) as proxy:
        first = machine(tmp_path / "a", proxy.host).build("app", push=True)
        assert first.errors == ()
        other = machine(tmp_path / "b", proxy.host)
        proxy.seen.clear()
        second = other.build("app", push=True)
        assert second.errors == ()
        assert set(statuses(second.report.steps).values()) == {"cached"}
        assert second.report.targets["app"].digest == first.report.targets["app"].digest
        assert second.report.transfers.pushed_bytes == 0
        layers = [request.path for request in proxy.requests("GET", "/v2/app/blobs/")]
        assert layers == []
