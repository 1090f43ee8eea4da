"""A build with secrets and an ssh agent, then a search for their values in all that the build has left or said."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from git_server import serving
from projects import BUSYBOX

FILE = "file-secret-" + "c3a91f"
VARIABLE = "env-secret-" + "77b0d2"
LINES = ("first-line-" + "5c5c5c", "second-line-" + "9e9e9e")
SPEC = """
[target.app]
tags = ["example.com/app:1"]
secret = [
  { id = "file", src = "../secret.txt" }, { id = "var", env = "A_SECRET" }, { id = "lines", src = "../lines.txt" },
]
ssh = [{ id = "default" }]
output = [{ type = "oci", dest = "out.tar" }]
dockerfile-inline = '''
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN --mount=type=secret,id=file --mount=type=secret,id=var,env=V --mount=type=secret,id=lines,target=/l \
    test $(cat /run/secrets/file) = $(printf %s%s FILE) && test $V = $(printf %s%s VARIABLE) && \
    cat /run/secrets/file /l && echo V is "$V" >&2 && sha256sum /run/secrets/file > /seen && echo waiting && sleep 1
RUN --mount=type=ssh test -S $SSH_AUTH_SOCK && echo $SSH_AUTH_SOCK > /socket
'''
[target.bad]
secret = [{ id = "file", src = "../secret.txt" }]
contexts = { base = "target:app" }
dockerfile-inline = '''
FROM base
RUN --mount=type=secret,id=file cat /run/secrets/file; false
'''
"""


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    """A real ssh-agent with a key; its socket. The key's bytes are in `key`."""
    for program in ("ssh-agent", "ssh-keygen"):
        if shutil.which(program) is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(
                f"{program} is missing: apt-get install openssh-client"
            )
    socket = str(tmp_path / "agent.sock")
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
        for _ in range(200):
            if Path(socket).exists():
                break
            time.sleep(0.02)
        subprocess.run(
            ["ssh-add", "-q", str(tmp_path / "key")], check=True, env={**os.environ, "SSH_AUTH_SOCK": socket}
        )
        yield socket
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """What traces are sent to: its URL, the bodies that came."""
    came: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            came.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Handler) as url:
        yield url, came


REPORTS = ("r.json", "r.md", "r.html")


def test_values_are_nowhere(tmp_path: Path, agent: str, collector: tuple[str, list[bytes]]) -> None:
    project, store = tmp_path / "project", tmp_path / "store"
    project.mkdir()
    shutil.copy(BUSYBOX, project / "busybox")
    (tmp_path / "secret.txt").write_text(FILE)
    (tmp_path / "lines.txt").write_text("\n".join(LINES) + "\n")
    # The steps know what to expect without holding it in one piece.
    text = SPEC.replace("FILE)", f"{FILE[:5]} {FILE[5:]})").replace("VARIABLE)", f"{VARIABLE[:5]} {VARIABLE[5:]})")
    (project / "bake.toml").write_text(text)
    environment = {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(tmp_path), "BAKE_STORE": str(store), "A_SECRET": VARIABLE,
        "SSH_AUTH_SOCK": agent, "OTEL_EXPORTER_OTLP_ENDPOINT": collector[0], "no_proxy": "*",
    }  # fmt: skip
    command = [sys.executable, "-m", "bake", "app", "--progress", "json"]
    command += [word for name in REPORTS for word in ("--report", name)]
    process = subprocess.Popen(
        command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if '"waiting"' in line:
            assert found_below(store) == []  # while the step has them
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, "".join(said)
    command[3] = "bad"
    bad = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    output = "".join(said) + out + bad.stdout + bad.stderr
    assert bad.returncode == 1, output
    assert [name for name in values() if name in output] == []
    assert "V is ***" in output
    assert output.count("***") >= 4
    assert found_below(tmp_path, skip=("secret.txt", "lines.txt", "key")) == []
    assert json.loads((project / "r.json").read_text())["outcome"] == "failed"
    assert all("***" in (project / name).read_text() for name in REPORTS[1:])  # the output of what failed is in them
    assert len(collector[1]) == 2 and all(b"false" in body for body in collector[1][1:])
    assert [name for name in values() for body in collector[1] if name.encode() in body] == []
    assert (project / "out.tar").stat().st_size > 1000
    (seen,) = store.glob("layers/*/fs/seen")
    assert "/run/secrets/file" in seen.read_text()
    (socket,) = store.glob("layers/*/fs/socket")
    assert socket.read_text() == "/run/buildkit/ssh_agent.0\n"
    explained = subprocess.run(
        [sys.executable, "-m", "bake", "explain"], cwd=project, env=environment, capture_output=True, text=True
    )
    assert [name for name in values() if name in explained.stdout + explained.stderr] == []


def values() -> list[str]:
    return [FILE, VARIABLE, *LINES]


def found_below(root: Path, skip: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """(file, value) of each value in a file or name below `root`; archives and compressed blobs are looked into."""
    found = []
    private = [line for line in (root / "key").read_text().splitlines() if "KEY" not in line] if skip else []
    for path in (path for path in root.rglob("*") if path.is_file() and path.name not in skip):
        try:
            data = path.read_bytes()
        except FileNotFoundError:  # of the running build
            continue
        if data.startswith(b"\x1f\x8b"):
            data += gzip.decompress(data)
        if path.suffix == ".tar":
            with tarfile.open(path) as archive:
                data += b"".join(gzip.decompress(f.read()) for m in archive if (f := _gzipped(archive, m)) is not None)
        found += [(str(path), value) for value in (*values(), *private) if value.encode() in data or value in path.name]
    return found


def _gzipped(archive: tarfile.TarFile, member: tarfile.TarInfo):  # type: ignore[no-untyped-def]
    file = archive.extractfile(member) if member.isfile() else None
    if file is None or file.read(2) != b"\x1f\x8b":
        return None
    file.seek(0)
    return file


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(gzip.compress(f"x{FILE}x".encode()))
    (tmp_path / "plain").write_text(json.dumps({"a": VARIABLE}))
    assert {Path(path).name for path, _ in found_below(tmp_path)} == {"blob", "plain"}
