"""The host's pip configuration, as files that a RUN step can be given as secrets.

    python pip_settings.py DIRECTORY

writes `pip.conf` and, where the host names certificates, `ca.pem` into DIRECTORY. What only makes sense on the host
(indexes in files, find-links, constraints) is left out.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

CA_IN_STEP = "/run/secrets/ca.pem"
KEPT = ("index-url", "extra-index-url", "trusted-host", "timeout", "retries", "proxy")
SECTIONS = ("global", "install", ":env:")
"""Later ones win, as with pip."""


def host_settings() -> dict[str, str]:
    """What pip says of its files and of the PIP_ variables: name -> value."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in found:
            found[section][name.removeprefix("default-")] = str(ast.literal_eval(value))
    merged: dict[str, str] = {}
    for section in SECTIONS:
        merged |= found[section]
    return merged


def step_settings(host: dict[str, str], environment: dict[str, str]) -> tuple[dict[str, str], str]:
    """(settings for a step, the host's certificates or "")."""
    kept = {name: _usable(name, host[name]) for name in KEPT if name in host}
    proxy = environment.get("HTTPS_PROXY") or environment.get("https_proxy")
    if proxy:
        kept.setdefault("proxy", proxy)
    certificates = [host.get("cert"), *(environment.get(name) for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"))]
    ca = next((path for path in certificates if path and Path(path).is_file()), "")
    if ca:
        kept["cert"] = CA_IN_STEP
    return {name: value for name, value in kept.items() if value}, ca


def _usable(name: str, value: str) -> str:
    if not name.endswith("index-url"):
        return " ".join(value.split())
    return " ".join(url for url in value.split() if url.startswith(("http://", "https://")))


def main() -> None:
    directory = Path(sys.argv[1])
    settings, ca = step_settings(host_settings(), dict(os.environ))
    lines = ["[global]", *(f"{name} = {value}" for name, value in settings.items())]
    descriptor = os.open(directory / "pip.conf", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    if ca:
        shutil.copyfile(ca, directory / "ca.pem")


if __name__ == "__main__":
    main()
