"""Twenty images on a machine with an empty store and a remote cache: what crosses the network, and how long it takes.

Needs `docker-registry`. All requests go through a proxy that counts; the tests' own one is used.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).parents[1]
sys.path.insert(0, str(TOP / "tests/support"))

from faulty_proxy import FaultyProxy, faulty_proxy  # noqa: E402
from registry_server import registry  # noqa: E402

AIM = 150 * 1024
SPEC = """
[defaults]
cache-to = [{{ type = "registry", ref = "{host}/cache:main", mode = "max" }}]
cache-from = [{{ type = "registry", ref = "{host}/cache:main" }}]
[target.image]
matrix.number = [{numbers}]
args = {{ NUMBER = "${{number}}" }}
tags = ["{host}/image:${{number}}"]
dockerfile-inline = '''
FROM scratch AS base
COPY busybox /bin/sh
FROM base AS build
ARG NUMBER
WORKDIR /src
COPY source /src/
RUN echo $NUMBER > /made
RUN cat /made /src/source > /all
FROM base
ARG NUMBER
WORKDIR /app
COPY source /app/source-$NUMBER
COPY --from=build /made /app/
COPY --from=build /all /app/all/
RUN test -s /app/made && echo $NUMBER > /app/done
WORKDIR /app/work-$NUMBER
CMD ["/bin/sh"]
'''
"""


def machine(directory: Path, host: str) -> Path:
    """A checkout."""
    directory.mkdir()
    numbers = ", ".join(f'"{number}"' for number in range(20))
    (directory / "bake.toml").write_text(SPEC.format(host=host, numbers=numbers))
    shutil.copy("/bin/busybox", directory)
    (directory / "source").write_text("source")
    return directory


def build(directory: Path) -> float:
    """Seconds that a build and publication of everything took."""
    started = time.monotonic()
    environment = {**os.environ, "BAKE_STORE": str(directory.parent / f"{directory.name}-store")}
    argv = [sys.executable, "-m", "bake", "build", "all", "--push", "--progress", "quiet"]
    subprocess.run(argv, cwd=directory, env=environment, check=True)
    return time.monotonic() - started


def measure(base: Path, proxy: FaultyProxy) -> None:
    first = build(machine(base / "first", proxy.host))
    proxy.seen.clear()
    proxy.answered = 0
    second = build(machine(base / "second", proxy.host))
    written = sum(request.received for request in proxy.requests("POST|PUT|PATCH"))
    print(f"first machine   {first:6.2f} s")
    print(f"second machine  {second:6.2f} s   {second / first:.2f} of the first")
    print(f"  read {proxy.answered} bytes in {len(proxy.seen)} requests (aim: {AIM}), wrote {written} (aim: 0)")
    if proxy.answered > AIM or written:
        raise SystemExit("the aim is missed")


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        base = Path(directory)
        with registry(base / "registry") as server, faulty_proxy(server.host) as proxy:
            measure(base, proxy)


if __name__ == "__main__":
    main()
