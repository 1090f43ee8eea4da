"""A sensitive value is a build argument, echoed by a step, and part of bad values; nothing written or said holds it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import zlib

import pytest
from projects import Project

SECRET = "hunter2-Zebra9"
SPEC = """\
[variable]
TOKEN = { env = "TOKEN", sensitive = true }
PART = "${TOKEN:-none}"
[target.base]
context = "."
dockerfile-inline = '''
FROM scratch
COPY busybox /busybox
ARG TOKEN
ARG PART
ARG UNUSED
RUN ["/busybox", "sh", "-c", "/busybox test -n \\"$TOKEN\\" && /busybox test -n \\"$PART\\""]
RUN ["/busybox", "true"]
'''
args = { TOKEN = "${TOKEN}", PART = "x-${PART | upper}", UNUSED = "${TOKEN#h}" }
tags = ["localhost:1/base:1"]
[target.broken]
context = "."
dockerfile-inline = '''
FROM scratch
COPY busybox /busybox
ARG TOKEN
RUN ["/busybox", "sh", "-c", "/busybox echo said $TOKEN; exit 3"]
'''
args = { TOKEN = "${TOKEN}" }
"""
COMMANDS = (
    ("print", "all"), ("list",), ("list", "--json"), ("check",), ("check", "--format", "json"),
    ("check", "--format", "sarif"), ("graph",), ("graph", "--format", "svg"), ("plan", "all"),
    ("plan", "all", "--json"),
    ("build", "base", "--progress", "plain", "--report", "r.json"), ("build", "base", "--json", "--progress", "json"),
    ("explain", "base"), ("history",), ("build", "base", "--no-cache", "--progress", "plain", "--report", "r.html"),
    ("explain",), ("inspect", "base"), ("affected", "--since", "HEAD"), ("matrix",),
    ("build", "base", "--progress", "plain", "--report", "r.md", "--set", "base.args.MORE=1"),
    ("cache", "du"), ("cache", "verify"), ("print", "--set", "base.tags=X:${TOKEN}"),
    ("print", "--set", "base.timeout=${TOKEN}"), ("print", "--set", "base.after=${TOKEN}"),
    ("print", "--var", "TOKN=1"),
    ("build", "broken", "--progress", "plain"), ("build", "broken", "--progress", "json", "--report", "b.json"),
    ("explain", "broken"),
)  # fmt: skip
FORMS = (SECRET, SECRET.upper(), SECRET[1:])
"""The value, and what filters and forms make of it."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("sensitive"))
    made.add_busybox()
    made.write("bake.toml", SPEC)
    for argv in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *argv], cwd=made.root, check=True)
    return made


def holds(data: bytes) -> bool:
    return any(form.encode() in data for form in FORMS)


def bake(project: Project, *argv: str, token: str) -> subprocess.CompletedProcess[bytes]:
    environment = {
        **os.environ, "BAKE_STORE": str(project.store), "TOKEN": token, "NO_COLOR": "1",
        "XDG_STATE_HOME": str(project.store.parent / "state"), "XDG_CACHE_HOME": str(project.store.parent / "cache"),
        "XDG_CONFIG_HOME": "/nonexistent",
    }  # fmt: skip
    run = [sys.executable, "-m", "bake", *argv]
    return subprocess.run(run, cwd=project.root, env=environment, capture_output=True, check=False, timeout=120)


def test_no_output_and_no_file_holds_it(project: Project) -> None:
    built = 0
    for command in COMMANDS:
        ran = bake(project, *command, token=SECRET)
        said = ran.stdout + ran.stderr
        assert b"defect" not in said, (command, said)
        assert ran.returncode in (0, 1, 2), (command, said)
        assert not holds(said), (command, said)
        built += command[0] == "build" and ran.returncode == 0
    assert built >= 2
    changed = bake(project, "build", "base", "--progress", "plain", token="other-" + SECRET)
    assert changed.returncode == 0
    assert b"run" in bake(project, "explain", "base", token=SECRET).stdout + changed.stderr
    files = [path for path in project.store.parent.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(files) > 10
    for path in files:
        data = path.read_bytes()
        assert not holds(data), path
        assert not holds(unpacked(data)), path
    for path in files:
        if path.suffix == ".db" or path.read_bytes().startswith(b"SQLite format 3"):
            with sqlite3.connect(path) as database:
                for row in database.iterdump():
                    assert not any(form.encode().hex() in row.lower() for form in FORMS), row[:200]


def unpacked(data: bytes) -> bytes:
    """What a gzip or zlib stream holds, for blobs of layers."""
    for window in (31, 15):
        try:
            return zlib.decompressobj(window).decompress(data)
        except zlib.error:
            continue
    return b""
