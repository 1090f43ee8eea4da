"""What only newer builders can, on a real one: Docker Engine 26.1 with its images in containerd."""

from __future__ import annotations

import http.client
import json
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import anyio
import pytest
from buildkit_daemon import Daemon
from projects import statuses
from registry_server import free_port, registry

from bake.engine.buildkit.address import parse_address
from bake.engine.buildkit.capabilities import FEATURES
from bake.engine.buildkit.client import Builder
from bake.events import StepLog

BASE = 'FROM scratch AS base\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
TARGET = '[target.app]\ncontext = "."\nnetwork = "none"\n'


@pytest.fixture
def newer(project: Any, newer_daemon: Daemon) -> Any:
    project.builders = (newer_daemon.address,)
    return project


def built(project: Any, dockerfile: str, more: str = "", **options: Any) -> Any:
    project.write("Dockerfile", dockerfile)
    project.write("bake.toml", TARGET + more)
    result = project.build(**options)
    assert [d for error in result.errors for d in error.diagnostics] == []
    return result


def said(project: Any) -> list[str]:
    return [event.text for event in project.events if isinstance(event, StepLog)]


def test_what_a_command_may_have(newer: Any) -> None:
    """A secret as a variable, limits, and sizes of what is in memory."""
    newer.write("token", "s3cret-of-newer")
    mounts = "--mount=type=secret,id=tok,env=TOKEN --mount=type=tmpfs,target=/t,size=2m"
    shown = "ulimit -n; echo ${#TOKEN}; df -k /t /dev/shm | tail -n +2 | while read a b c; do echo $b; done"
    more = 'secret = [{ id = "tok", src = "token" }]\nulimits = ["nofile=123:456"]\nshm-size = "3m"\n'
    built(newer, f"{BASE}RUN {mounts} {shown}\n", more)
    assert said(newer) == ["123", "15", "2048", "3072"]
    assert "s3cret" not in repr(newer.events)


def test_files_of_a_stage_chosen_by_patterns(newer: Any) -> None:
    made = "RUN mkdir -p /s/d/e && touch /s/a.txt /s/b.log /s/d/e/c.txt /s/d/c.log\n"
    copies = "COPY --from=base --exclude=**/*.log /s /one\nCOPY --from=base --parents /s/./d/**/*.txt /two/\n"
    built(newer, f"{BASE}{made}FROM base\n{copies}RUN find /one /two -type f | sort\n")
    assert said(newer) == ["/one/a.txt", "/one/d/e/c.txt", "/two/d/e/c.txt"]


def test_its_cache_goes_to_a_registry_with_all_stages(newer: Any, newer_daemon: Daemon, tmp_path: Path) -> None:
    """That of a stage which is not in the image as well; read when nothing is left here and there."""
    dockerfile = f"{BASE}FROM base AS tools\nRUN echo of-newer > /tool\nFROM base\nCOPY --from=tools /tool /tool\n"
    with registry(tmp_path / "registry") as server:
        row = f'{{ type = "registry", ref = "{server.host}/cache:main"'
        first = built(newer, dockerfile, f'cache-to = [{row}, mode = "max" }}]\n')
        assert [d.code for d in first.report.diagnostics] == []
        forget(newer_daemon)
        newer.store = tmp_path / "another machine's store"
        second = built(newer, dockerfile, f"cache-from = [{row} }}]\n")
    assert set(statuses(second.report.steps).values()) == {"cached"}


def forget(daemon: Daemon) -> None:
    """As `docker builder prune --all`."""
    assert json.loads(asked(daemon, "POST", "/build/prune?all=1"))["SpaceReclaimed"] > 0


def asked(daemon: Daemon, method: str, path: str) -> bytes:
    """What the engine's own API answers."""
    connection = http.client.HTTPConnection("docker")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(daemon.socket))
    connection.request(method, path)
    answer = connection.getresponse().read()
    connection.close()
    return answer


def test_layers_come_straight_from_the_builder(newer: Any, newer_daemon: Daemon) -> None:
    """Its engine never has the image: nothing is to be tidied up there, whatever ends the run."""
    since = time.time()
    built(newer, f"{BASE}RUN echo straight > /straight\n", 'output = [{ type = "oci", dest = "out.tar" }]\n')
    query = urlencode({"since": f"{since:.9f}", "until": f"{time.time():.9f}", "filters": '{"type": ["image"]}'})
    assert asked(newer_daemon, "GET", f"/events?{query}") == b""
    assert (newer.root / "out.tar").exists()


def test_a_cache_that_it_cannot_write(newer: Any) -> None:
    row = f'{{ type = "registry", ref = "127.0.0.1:{free_port()}/cache:main" }}'
    result = built(newer, f"{BASE}RUN echo unwritten\n", f"cache-from = [{row}]\ncache-to = [{row}]\n")
    (found,) = (d for d in result.report.diagnostics if d.code == "cache-not-written")
    assert found.severity == "warning"
    newer.write("bake.toml", f"{TARGET}cache-to = [{row.replace(' }', ', ignore-error = false }')}]\n")
    failed = newer.build(no_cache=True)
    assert failed.report.exit_code == 3
    assert [d.code for error in failed.errors for d in error.diagnostics] == ["cache-not-written"]


def test_what_the_table_says_of_each_engine(daemon: Daemon, graph_daemon: Daemon, newer_daemon: Daemon) -> None:
    old, graph, containerd = (anyio.run(capabilities, each.address) for each in (daemon, graph_daemon, newer_daemon))
    text = (Path(__file__).parents[2] / "docs/buildkit.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    table = {row[0]: row[1:4] for row in rows}
    words = {(False, False): "no", (True, True): "yes", (False, True): "in containerd"}
    assert [table[feature.what] for feature in FEATURES] == [
        [f.since, "yes" if f.cap in old else "no", words[f.cap in graph, f.cap in containerd]] for f in FEATURES
    ]


async def capabilities(address: str) -> frozenset[str]:
    builder = Builder(parse_address(address, {}))
    try:
        return await builder.capabilities(uuid4().hex)
    finally:
        builder.close()
