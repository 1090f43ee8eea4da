"""The real BuildKit: a `dockerd` of our own on a private socket, without network, driven by its command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from diff_cases import Case
from diff_images import read_layer, result

DOCKERD = "/usr/sbin/dockerd"
DOCKER = "/usr/bin/docker"
_PREFIX = "failed to solve with frontend dockerfile.v0: failed to create LLB definition: "
_PLACE = re.compile(r"DATA/data/(?:overlay2/\w+/merged|tmp/buildkit-mount\d+)")


class Judge:
    """A daemon that lives as long as the `with`."""

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="bake-judge-"))
        self._socket = f"unix://{self._root}/sock"
        self._log = (self._root / "log").open("w")
        self._process = subprocess.Popen(
            [
                DOCKERD, "--iptables=false", "--bridge=none", "--data-root", str(self._root / "data"),
                "--exec-root", str(self._root / "exec"), "-H", self._socket, "--pidfile", str(self._root / "pid"),
            ],
            stdout=self._log, stderr=self._log,
        )  # fmt: skip

    def __enter__(self) -> Judge:
        end = time.monotonic() + 30
        while time.monotonic() < end and self._process.poll() is None:
            if self._docker("version").returncode == 0:
                return self
            time.sleep(0.2)
        log = (self._root / "log").read_text()
        self.__exit__(None, None, None)
        raise RuntimeError(f"dockerd did not start:\n{log[-2000:]}")

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.close()
        if os.path.ismount(self._root / "data"):  # left by a daemon that has crashed
            subprocess.run(["umount", "-l", str(self._root / "data")], check=False)
        shutil.rmtree(self._root, ignore_errors=True)

    def _docker(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "DOCKER_BUILDKIT": "1", "HOME": str(self._root)}
        return subprocess.run(
            [DOCKER, "-H", self._socket, *words], capture_output=True, text=True, env=environment, timeout=120
        )

    def build(self, case: Case, context: Path) -> dict[str, Any]:
        """The result of a case, `{"error": text}` if it fails."""
        words = ["--network=none", "--progress=plain", "-t", f"{case.name}:latest"]
        words += [word for key, value in case.args.items() for word in ("--build-arg", f"{key}={value}")]
        words += ["--target", case.target] if case.target else []
        done = self._docker("build", *words, str(context))
        if done.returncode:
            if self._process.poll() is not None:
                raise RuntimeError(f"{case.name} has crashed the daemon")
            text = done.stderr.strip().splitlines()[-1].removeprefix(_PREFIX)
            return {"error": _PLACE.sub("ROOT", text.replace(str(self._root), "DATA"))}
        return self._read(case.name)

    def _read(self, name: str) -> dict[str, Any]:
        """From the daemon's own directory and `docker save`, which refuses an image without layers."""
        image = self._docker("image", "inspect", "-f", "{{.Id}}", f"{name}:latest").stdout.strip()
        stored = self._root / "data/image/overlay2/imagedb/content" / image.replace(":", "/")
        config = json.loads(stored.read_text())
        return result(config, self._layers(name) if config["rootfs"].get("diff_ids") else [])

    def _layers(self, name: str) -> list[dict[str, str]]:
        place = self._root / "saved"
        done = self._docker("save", "-o", f"{place}.tar", f"{name}:latest")
        assert done.returncode == 0, done.stderr
        with tarfile.open(f"{place}.tar") as archive:
            archive.extractall(place, filter="data")
        manifest = json.loads((place / "manifest.json").read_text())[0]
        layers = [read_layer(place / layer) for layer in manifest["Layers"]]
        shutil.rmtree(place)
        return layers
