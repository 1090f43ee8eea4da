"""Starts Debian's `docker-registry` on a free loopback port with a configuration of its own, and stops it by pid."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ending import end

PROGRAM = "docker-registry"
START_SECONDS = 20


@dataclass(frozen=True)
class RegistryServer:
    """A running registry: `host` is `127.0.0.1:port`, `storage` its directory, `log` its output."""

    host: str
    storage: Path
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def blob_root(self) -> Path:
        return self.storage / "docker/registry/v2/blobs/sha256"


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def registry(directory: Path, *, http: dict[str, object] | None = None, **sections: object) -> Iterator[RegistryServer]:
    """A registry with its files in `directory`. `http` adds to that section (`tls`), `sections` add more (`auth`)."""
    program = shutil.which(PROGRAM) or shutil.which(PROGRAM, path="/usr/sbin:/usr/bin")
    if program is None:
        raise RuntimeError(f"'{PROGRAM}' is not installed; these tests need it (Debian package of that name)")
    directory.mkdir(parents=True, exist_ok=True)
    host, storage, log = f"127.0.0.1:{free_port()}", directory / "storage", directory / "log"
    config = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
        "http": {"addr": host, "secret": secrets.token_hex(8), **(http or {})},
        **sections,
    }
    (directory / "config.json").write_text(json.dumps(config))
    with log.open("wb") as out:
        process = subprocess.Popen(
            [program, "serve", str(directory / "config.json")], stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )
    try:
        _wait(process, host, log)
        yield RegistryServer(host, storage, log, process)
    finally:
        end(process)


def _wait(process: subprocess.Popen[bytes], host: str, log: Path) -> None:
    """Until it answers anything at all on /v2/ (401 and a refusal of plain HTTP are answers too)."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            opener.open(f"http://{host}/v2/", timeout=2).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"{PROGRAM} on {host} did not start:\n{log.read_text(errors='replace')}")
