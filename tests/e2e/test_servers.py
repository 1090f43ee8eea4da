"""The chapters that install a web server: it answers, and what it was installed with stays outside."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from outliving import eventually, processes
from registry_server import free_port

Built = Any


@contextmanager
def serving(built: Built, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`bake run …` in the background, ended as a user ends it."""
    process = built.walk.start("run", *arguments)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


def answer(port: int) -> Any:
    """What the server says at /, as soon as it does."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    found: list[bytes] = []

    def ask() -> bool:
        try:
            found.append(opener.open(f"http://127.0.0.1:{port}/", timeout=5).read())
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    assert eventually(ask), f"no answer on port {port}"
    return json.loads(found[0])


@pytest.mark.parametrize("target", ["run", "cache"])
def test_the_installed_server_answers(built: Built, target: str) -> None:
    port = free_port()
    with serving(built, target, "--", "uvicorn", "main:app", f"--port={port}"):
        assert answer(port) == {"message": "Hello from FastAPI"}


@pytest.mark.parametrize("fastapi", ["0.115", "0.116"])
def test_arguments_replace_cmd_and_keep_entrypoint(built: Built, fastapi: str) -> None:
    port = free_port()
    with serving(built, f"main[fastapi={fastapi}]", "--", f"--port={port}"):
        found = answer(port)
    assert found["python"] == built.python
    assert found["fastapi"].startswith(f"{fastapi}.")


def test_interrupting_a_running_image_leaves_no_process(built: Built) -> None:
    port = free_port()
    with serving(built, "main[fastapi=0.116]", "--", f"--port={port}") as process:
        answer(port)
    assert process.returncode is not None
    assert eventually(lambda: not processes(f"--port={port}"))
    assert eventually(lambda: not any((built.walk.store / "tmp").iterdir()))


def test_what_pip_was_configured_with_is_not_in_the_image(built: Built) -> None:
    for target in ("run", "cache", "main[fastapi=0.115]"):
        found = built.walk.run(
            "run", "--entrypoint", "sh", target, "--", "-c", "ls -d /etc/pip.conf /run/secrets", status=2
        )
        assert found.stdout == ""
