"""A certificate authority for tests: keys and certificates by the system's openssl, in one directory."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_authority(directory: Path, name: str = "ca") -> None:
    """`ca.pem` and `ca.key` (or of another name)."""
    directory.mkdir(parents=True, exist_ok=True)
    _openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", f"/CN={name}", "-keyout", directory / f"{name}.key", "-out", directory / f"{name}.pem",
    )  # fmt: skip


def issue(directory: Path, name: str, alternative: str, authority: str = "ca", days: int = 2) -> None:
    """`NAME.pem` and `NAME.key`, signed by the authority, for e.g. `DNS:buildkitd` or `IP:127.0.0.1`.

    It is good for so many days from now; -1 makes one that has expired.
    """
    request, extension = directory / f"{name}.csr", directory / f"{name}.ext"
    extension.write_text(f"subjectAltName={alternative}\n")
    _openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
        "-keyout", directory / f"{name}.key", "-out", request,
    )  # fmt: skip
    _openssl(
        "x509", "-req", "-in", request, "-CA", directory / f"{authority}.pem", "-CAkey", directory / f"{authority}.key",
        "-CAcreateserial", "-days", str(days), "-extfile", extension, "-out", directory / f"{name}.pem",
    )  # fmt: skip


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
