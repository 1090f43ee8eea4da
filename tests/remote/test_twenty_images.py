"""Twenty unchanged images on a machine with nothing: what crosses the network, counted at a proxy (issue 6)."""

from __future__ import annotations

from pathlib import Path

from cache_machines import ran, told
from faulty_proxy import faulty_proxy
from projects import Project
from registry_server import registry

BASE = """
[target.base]
tags = ["{host}/base:1"]
dockerfile-inline = '''
FROM scratch
COPY busybox /bin/sh
COPY config /etc/base
ENV PATH=/bin
'''
"""
IMAGES = """
[defaults]
cache-to = [{{ type = "registry", ref = "{host}/cache:main", mode = "max" }}]
cache-from = [{{ type = "registry", ref = "{host}/cache:main" }}]
[target.image]
matrix.number = [{numbers}]
args = {{ NUMBER = "${{number}}" }}
tags = ["{host}/image:${{number}}"]
dockerfile-inline = '''
FROM {host}/base:1 AS build
ARG NUMBER
WORKDIR /src
COPY source /src/
RUN echo $NUMBER > /made
FROM {host}/base:1
ARG NUMBER
WORKDIR /app
COPY config /app/config
COPY source /app/source-$NUMBER
COPY --from=build /made /app/
COPY --from=build /src/source /app/from/
WORKDIR /app/work-$NUMBER
LABEL number=$NUMBER
'''
"""


def machine(directory: Path, host: str, text: str) -> Project:
    made = Project(directory)
    numbers = ", ".join(f'"{number}"' for number in range(20))
    made.write("bake.toml", text.format(host=host, numbers=numbers))
    made.add_busybox()
    made.write("source", "source")
    made.write("config", "config")
    return made


def test_twenty_unchanged_images_take_little_and_push_nothing(tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as server, faulty_proxy(server.host) as proxy:
        assert machine(tmp_path / "base", proxy.host, BASE).build("all", push=True).errors == ()
        first = machine(tmp_path / "a", proxy.host, IMAGES).build("all", push=True, jobs=4)
        assert first.errors == ()
        other = machine(tmp_path / "b", proxy.host, IMAGES)
        proxy.seen.clear()
        proxy.answered = 0
        second = other.build("all", push=True)
        assert (second.errors, told(second), ran(second)) == ((), [], {})
        digests = [{name: target.digest for name, target in r.report.targets.items()} for r in (first, second)]
        assert digests[0] == digests[1] and len(set(digests[1].values())) == 20
        assert proxy.answered < 150 * 1024, f"{proxy.answered} bytes in {len(proxy.seen)} requests"
        assert proxy.requests("POST|PUT|PATCH") == []
        assert second.report.transfers.pushed_bytes == 0
