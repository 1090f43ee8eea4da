"""The repository's own bake.toml, in a copy, with a store, a registry and a web server of its own."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from registry_server import RegistryServer

TOP = Path(__file__).parents[2]
CANARY = "# canary 5f0c2d9e, that no layer may hold"
SERVED_AT = 1_735_689_600


@dataclass(frozen=True)
class Walkthrough:
    """`top` has bake.toml and examples/; `environment` is what `bake` runs with."""

    top: Path
    environment: dict[str, str]

    def run(self, *arguments: str, status: int | None = 0) -> subprocess.CompletedProcess[str]:
        """`bake …` to its end. The exit code must be `status` unless that is None."""
        ended = subprocess.run(
            self.argv(*arguments),
            cwd=self.top,
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert status is None or ended.returncode == status, f"{arguments}: {ended.returncode}\n{ended.stderr[-6000:]}"
        return ended

    def json(self, *arguments: str, status: int = 0) -> Any:
        """What it prints."""
        return json.loads(self.run(*arguments, status=status).stdout)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """`bake …`, running."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.argv(*arguments),
            cwd=self.top,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            text=True,
        )

    @staticmethod
    def argv(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "bake", *arguments]

    @property
    def store(self) -> Path:
        return Path(self.environment["BAKE_STORE"])

    def with_(self, **environment: str) -> Walkthrough:
        """The same with other variables."""
        return Walkthrough(self.top, {**self.environment, **environment})

    def copy(self, directory: Path) -> Walkthrough:
        """The same store and other sources, to edit. Times are kept, as a user's edit keeps those of other files."""
        copy_sources(self.top, directory)
        return Walkthrough(directory, self.environment)


def copy_sources(source: Path, target: Path) -> None:
    """bake.toml and examples/, with modes that no umask changes.

    The archive of the python base is linked, as it is large and never edited.
    """
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source / "bake.toml", target)

    def take(one: str, other: str) -> str:
        if one.endswith("rootfs.tar"):
            try:
                os.link(one, other)
                return other
            except OSError:
                pass
        shutil.copy2(one, other)
        os.chmod(other, 0o755 if os.access(one, os.X_OK) else 0o644)
        return other

    shutil.copytree(source / "examples", target / "examples", copy_function=take)


def make_bases() -> str:
    """Makes what the bases are built from, where it is missing; the version of Python."""
    made = subprocess.run([TOP / "examples/bases/make"], check=True, capture_output=True, text=True)
    return made.stdout.strip()


def environment(top: Path, store: Path, files_url: str, python: str) -> dict[str, str]:
    """The variables of a run: the caller's, with a store, secrets and settings of its own."""
    secrets = top.parent / f"{top.name}-pip"
    secrets.mkdir(exist_ok=True)
    subprocess.run([sys.executable, TOP / "examples/pip_settings.py", secrets], check=True)
    with (secrets / "pip.conf").open("a") as file:
        file.write(f"{CANARY}\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BAKE_", "REGISTRY"))}
    return {
        **kept,
        "BAKE_STORE": str(store),
        "PYTHONPATH": str(TOP),
        "FILES_URL": files_url,
        "PYTHON_VERSION": python,
        "STEP_PIP_CONF": str(secrets / "pip.conf"),
        "STEP_PIP_CA": str(secrets / "ca.pem"),
        "XDG_CONFIG_HOME": str(secrets),
    }


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def web_server(directory: Path) -> Iterator[str]:
    """Serves a directory on loopback; its URL. Last-Modified is the same in every run."""
    for path in directory.iterdir():
        os.utime(path, (SERVED_AT, SERVED_AT))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Holds off the other workers of this test run."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def get(server: RegistryServer, path: str, *accept: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a GET, by a client that knows nothing of bake."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(f"http://{server.host}{path}", headers={"Accept": ", ".join(accept) or "*/*"})
    with opener.open(request, timeout=20) as answer:
        return answer.read(), {name.lower(): value for name, value in answer.headers.items()}


def skopeo(*arguments: str) -> str:
    """What it prints."""
    return subprocess.run(["skopeo", *arguments], check=True, capture_output=True, text=True).stdout


def step(steps: Sequence[dict[str, Any]], target: str, text: str) -> dict[str, Any]:
    """The one step of `target` whose instruction has `text`."""
    (found,) = (row for row in steps if target in row["targets"] and text in row["instruction"])
    return found


def statuses(steps: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Step id → status."""
    return {row["id"]: row["status"] for row in steps}
