"""The same build over every way to a builder: a socket, mutual TLS, ssh; and what is said when a way is closed."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from buildkit_bridge import Bridge, bridge
from buildkit_daemon import Daemon
from buildkit_reaching import BASE, SPEC, build_over, why_not
from certificates import issue, make_authority
from registry_server import free_port
from tls_pump import pump


@pytest.fixture(scope="module")
def unix(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Bridge]]:
    path = str(tmp_path_factory.mktemp("unix") / "buildkitd.sock")
    with bridge(daemon.address, path=path) as (made, _):
        yield f"unix://{path}", made


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("certificates")
    make_authority(directory)
    make_authority(directory, "other")
    issue(directory, "server", "DNS:buildkitd")
    issue(directory, "cert", "DNS:client")
    issue(directory, "stranger", "DNS:client", "other")
    (directory / "key.pem").write_bytes((directory / "cert.key").read_bytes())
    return directory


@pytest.fixture(scope="module")
def secure(daemon: Daemon, certificates: Path) -> Iterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificates / "ca.pem"))
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    with bridge(daemon.address, tls=context) as (_, port):
        yield port


def test_unix_socket(project: Any, unix: tuple[str, Bridge]) -> None:
    build_over(project, unix[0], "unix")


def test_a_builder_is_asked_about_itself_once(project: Any, unix: tuple[str, Bridge]) -> None:
    build_over(project, unix[0], "asked-1")
    before = dict(unix[1].calls)
    build_over(project, unix[0], "asked-2")
    new = {path.rpartition("/")[2]: n - before.get(path, 0) for path, n in unix[1].calls.items()}
    assert new["Ping"] == 0
    assert (new["ListWorkers"], new["Solve"]) == (1, 1)


def test_caches_elsewhere(project: Any, unix: tuple[str, Bridge]) -> None:
    """A builder is told to read and write caches of its kind. A missing one does no harm."""
    project.write("Dockerfile", f"{BASE}RUN echo caches\n")
    ref = f"127.0.0.1:{free_port()}/cache:main"
    row = f'{{ type = "registry", ref = "{ref}" }}'
    most = f'{{ type = "registry", ref = "{ref}", mode = "max" }}'
    local = '{ type = "local", src = "cache" }'
    project.write("bake.toml", f"{SPEC}cache-from = [{row}, {local}]\ncache-to = [{most}]\n")
    project.builders = (unix[0],)
    result = project.build()
    assert result.errors == ()
    own = {"type": "registry", "ref": f"{ref}-buildkit"}
    assert (unix[1].imports[-2:], unix[1].exports[-1]) == (
        [own, {**own, "ref": ref}],
        {**own, "mode": "max", "ignore-error": "true"},
    )
    assert [d.message for d in result.report.diagnostics if d.code == "cache-left-out"] == [
        "`cache-from` of target 'app': a builder exchanges its cache by registries only"
    ]


def test_mutual_tls(project: Any, secure: int, certificates: Path) -> None:
    build_over(project, f"tcp://127.0.0.1:{secure}?certs={certificates}&servername=buildkitd", "tls")


def test_wrong_certificates(project: Any, secure: int, certificates: Path) -> None:
    here = f"tcp://127.0.0.1:{secure}"
    c = certificates
    code, kind, text = why_not(project, f"{here}?certs={c}")
    assert (code, kind) == (4, "no-builder") and "certificate is not valid here" in text and "127.0.0.1" in text
    code, kind, text = why_not(project, f"{here}?certs={c}&ca={c}/other.pem&servername=buildkitd")
    assert (code, kind) == (4, "no-builder") and "certificate is not valid here" in text
    stranger = f"{here}?ca={c}/ca.pem&cert={c}/stranger.pem&key={c}/stranger.key&servername=buildkitd"
    code, kind, text = why_not(project, stranger)
    assert (code, kind) == (4, "no-builder")
    assert "does not accept our certificate" in text or "closes the connection" in text  # as TLS tells, or is cut off
    nobody = f"{here}?ca={c}/ca.pem&servername=buildkitd"
    code, kind, text = why_not(project, nobody)
    assert (code, kind) == (4, "no-builder")
    assert "asks for a certificate of ours" in text or "closes the connection" in text
    code, kind, text = why_not(project, here)
    assert (code, kind) == (4, "no-builder") and "closes the connection" in text
    code, kind, text = why_not(project, f"{here}?ca={c}/missing.pem")
    assert (code, kind) == (4, "bad-certificate")


@pytest.fixture(scope="module")
def docker_port(daemon: Daemon, certificates: Path) -> Iterator[int]:
    """A Docker Engine by TLS: bytes to and from its socket, as dockerd's own port would."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificates / "ca.pem"))
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    with pump(str(daemon.socket), context) as port:
        yield port


def test_docker_by_tls(project: Any, docker_port: int, certificates: Path) -> None:
    build_over(project, f"docker://127.0.0.1:{docker_port}?certs={certificates}&servername=buildkitd", "docker-tls")


def test_nobody_listens(project: Any) -> None:
    code, kind, text = why_not(project, f"tcp://127.0.0.1:{free_port()}")
    assert (code, kind) == (4, "no-builder") and "nobody listens" in text


def test_an_engine_taken_for_a_buildkitd(project: Any, daemon: Daemon) -> None:
    project.write("Dockerfile", f"{BASE}RUN echo never\n")
    project.write("bake.toml", SPEC)
    (error,) = project.build(builders=(f"unix://{daemon.socket}",)).errors
    assert error.diagnostics[0].hint == f"is it a buildkitd? a Docker Engine is docker://{daemon.socket}"


@pytest.mark.parametrize("scheme", ["ssh", "docker+ssh"])
def test_what_ssh_says_is_told(project: Any, scheme: str) -> None:
    code, kind, text = why_not(project, f"{scheme}://127.0.0.1:{free_port()}")
    assert (code, kind) == (4, "no-builder")
    assert "ssh says: connect to host 127.0.0.1" in text and "Connection refused" in text


@pytest.fixture
def sshd(tmp_path: Path, daemon: Daemon, unix: tuple[str, Bridge], monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A real sshd whose sessions find a `buildctl` that connects to the bridge, and the real docker command."""
    home = tmp_path / "ssh"
    (home / "bin").mkdir(parents=True)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / name)], check=True)
    dial = home / "bin/buildctl"
    dial.write_text(
        f"#!{sys.executable}\nimport socket,sys,threading,os\ns=socket.socket(socket.AF_UNIX)\n"
        f"s.connect({unix[0].removeprefix('unix://')!r})\n"
        "def up():\n"
        "    while d:=os.read(0,65536): s.sendall(d)\n"
        "    s.shutdown(1)\n"
        "threading.Thread(target=up,daemon=True).start()\n"
        "while d:=s.recv(65536): os.write(1,d)\n"
    )
    dial.chmod(0o755)
    (home / "authorized").write_text((home / "user.pub").read_text())
    port = free_port()
    environment = f"PATH={home}/bin:/usr/bin:/bin DOCKER_HOST=unix://{daemon.socket}"
    (home / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {home}/host\nAuthorizedKeysFile {home}/authorized\n"
        f"StrictModes no\nUsePAM no\nPidFile none\nSetEnv {environment}\n"
    )
    os.makedirs("/run/sshd", exist_ok=True)
    server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", str(home / "config")], stderr=subprocess.PIPE)
    (home / "ssh").write_text(
        f"#!/bin/sh\nexec /usr/bin/ssh -F /dev/null -i {home}/user -o StrictHostKeyChecking=no"
        f' -o UserKnownHostsFile={home}/known "$@"\n'
    )
    (home / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}:{os.environ['PATH']}")
    assert server.stderr is not None
    while b"listening" not in server.stderr.readline():
        assert server.poll() is None
    yield port
    server.kill()
    server.stderr.close()
    server.wait()


def test_ssh(project: Any, sshd: int) -> None:
    build_over(project, f"ssh://root@127.0.0.1:{sshd}", "ssh")


def test_docker_over_ssh(project: Any, sshd: int) -> None:
    build_over(project, f"docker+ssh://root@127.0.0.1:{sshd}", "docker-ssh")


def test_a_host_without_the_program(project: Any, sshd: int, tmp_path: Path) -> None:
    (tmp_path / "ssh/bin/buildctl").unlink()
    code, kind, text = why_not(project, f"ssh://root@127.0.0.1:{sshd}")
    assert (code, kind) == (4, "no-builder")
    assert "its shell says" in text and "buildctl" in text and "not found" in text
