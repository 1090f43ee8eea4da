"""A Docker Engine on its own TLS port, which asks for a certificate: who may build there, and what others are told."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from buildkit_daemon import NEWER_IN_CONTAINERD, Daemon
from buildkit_reaching import build_over, why_not
from certificates import issue, make_authority
from registry_server import free_port
from tls_pump import pump


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that `certs` names, with certificates that do not fit beside its own."""
    directory = tmp_path_factory.mktemp("certificates")
    for authority in ("ca", "other"):
        make_authority(directory, authority)
    issue(directory, "server", "DNS:engine")
    issue(directory, "old-server", "DNS:engine", days=-1)
    issue(directory, "cert", "DNS:client")
    issue(directory, "stranger", "DNS:client", "other")
    issue(directory, "old", "DNS:client", days=-1)
    (directory / "key.pem").write_bytes((directory / "cert.key").read_bytes())
    return directory


@pytest.fixture(scope="module")
def port(certificates: Path) -> Iterator[int]:
    chosen = free_port()
    words = ["-H", f"tcp://127.0.0.1:{chosen}", "--tlsverify", f"--tlscacert={certificates}/ca.pem"]
    words += [f"--tlscert={certificates}/server.pem", f"--tlskey={certificates}/server.key"]
    kind = replace(NEWER_IN_CONTAINERD, words=lambda: [*NEWER_IN_CONTAINERD.words(), *words])
    with Daemon(kind=kind):
        yield chosen


def test_the_one_it_knows(project: Any, port: int, certificates: Path) -> None:
    build_over(project, f"docker://127.0.0.1:{port}?certs={certificates}&servername=engine", "engine-tls")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("?ca={c}/other.pem&cert={c}/cert.pem&key={c}/cert.key&servername=engine", "certificate is not valid here"),
        ("?certs={c}", "certificate is not valid here"),
        (
            "?ca={c}/ca.pem&cert={c}/stranger.pem&key={c}/stranger.key&servername=engine",
            "accept our certificate|closes",
        ),
        ("?ca={c}/ca.pem&cert={c}/old.pem&key={c}/old.key&servername=engine", "accept our certificate|closes"),
        ("?ca={c}/ca.pem&servername=engine", "asks for a certificate of ours|closes"),
        ("", "closes the connection"),
    ],
    ids=["wrong authority", "wrong name", "stranger", "expired", "none", "no TLS"],
)
def test_others(project: Any, port: int, certificates: Path, options: str, said: str) -> None:
    """A refusal of ours comes late in TLS 1.3, so the connection may be closed before it is read."""
    code, kind, text = why_not(project, f"docker://127.0.0.1:{port}{options.format(c=certificates)}")
    assert (code, kind) == (4, "no-builder") and re.search(said, text)


def test_an_engine_whose_certificate_has_expired(project: Any, daemon: Daemon, certificates: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "old-server.pem", certificates / "old-server.key")
    with pump(str(daemon.socket), context) as port:
        address = f"docker://127.0.0.1:{port}?certs={certificates}&servername=engine"
        code, kind, text = why_not(project, address)
    assert (code, kind) == (4, "no-builder") and "certificate has expired" in text
