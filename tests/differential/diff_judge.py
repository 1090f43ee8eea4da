"""The real BuildKits that judge: each a daemon of our own on a private socket, driven by its own command line.

20.10 is this Debian's and takes what was there when it was made; 28.5 is the newest there is and takes every case.
26.1, of Debian 13, has no recordings but the names of the cases in which it is not of 28.5's mind.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from buildkit_daemon import NEWER_IN_CONTAINERD, NEWEST_IN_CONTAINERD, OLD, Daemon, Kind, newer_root, newest_root
from debian_root import inside
from diff_cases import Case
from diff_images import Rows, read_layer, result

_PREFIX = re.compile(r"^(?:ERROR: |failed to build: |failed to solve(?: with frontend dockerfile\.v0)?: )*")
_DEFINITION = "failed to create LLB definition: "
_PLACE = re.compile(r"DATA/data/(?:\w+/)?(?:overlay2/\w+/merged|tmp/buildkit-mount\d+)|/\S*buildkit-mount\d+")
_REFERENCE = re.compile(r"\w{25}::\w{25}|sha256:[0-9a-f]{64}")


class Judge(ABC):
    """A daemon that lives as long as the `with`."""

    name: str
    """The version of its engine."""
    _kind: Kind

    def __init__(self) -> None:
        self._daemon = Daemon(kind=self._kind)
        self._root = self._daemon.root

    def __enter__(self) -> Judge:
        self._daemon.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._daemon.__exit__(kind, value, trace)

    def build(self, case: Case, context: Path) -> dict[str, Any]:
        """The result of a case, `{"error": text}` if it fails."""
        words = ["--network=none", "--progress=plain"]
        words += [word for key, value in case.args.items() for word in ("--build-arg", f"{key}={value}")]
        words += ["--target", case.target] if case.target else []
        for name, given in case.contexts.items():
            place = f"docker-image://{given[6:]}" if given.startswith("image:") else str(context / given)
            words += ["--build-context", f"{name}={place}"]
        words += [word for key, path in case.secrets.items() for word in ("--secret", f"id={key},src={context / path}")]
        done = self._build(case, [*words, str(context)])
        if done.returncode == 0:
            return self._read(case)
        if self.engine() is None:
            self._daemon.kill()
            self._daemon.start()
            return {"error": "the daemon has crashed"}
        return {"error": self._message(done.stderr)}

    def engine(self) -> str | None:
        """The whole version of the engine, None if it is down."""
        done = self._docker("version", "-f", "{{.Server.Version}}")
        return done.stdout.strip() if done.returncode == 0 else None

    def _message(self, said: str) -> str:
        lines = said.strip().splitlines()
        first = max((at for at, line in enumerate(lines) if line.startswith(("ERROR: ", "failed "))), default=-1)
        text = _PREFIX.sub("", "\n".join(lines[first:])).removeprefix(_DEFINITION).replace(str(self._root), "DATA")
        return _REFERENCE.sub("ID", _PLACE.sub("ROOT", text))

    def _docker(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "DOCKER_BUILDKIT": "1", "HOME": str(self._root)}
        line = [*self._client(), "-H", f"unix://{self._daemon.socket}", *words]
        return subprocess.run(line, capture_output=True, text=True, env=environment, timeout=120)

    @abstractmethod
    def _client(self) -> Sequence[str]: ...

    @abstractmethod
    def _build(self, case: Case, words: Sequence[str]) -> subprocess.CompletedProcess[str]: ...

    @abstractmethod
    def _read(self, case: Case) -> dict[str, Any]: ...


class Classic(Judge):
    """20.10, whose images are in graph drivers and read from its own directory and `docker save`."""

    name = "20.10"
    _kind = OLD

    def _client(self) -> Sequence[str]:
        return ["/usr/bin/docker"]

    def _build(self, case: Case, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return self._docker("build", "-t", f"{case.name}:latest", *words)

    def _read(self, case: Case) -> dict[str, Any]:
        image = self._docker("image", "inspect", "-f", "{{.Id}}", f"{case.name}:latest").stdout.strip()
        stored = self._root / "data/image/overlay2/imagedb/content" / image.replace(":", "/")
        config = json.loads(stored.read_text())
        return result(config, self._layers(case.name) if config["rootfs"].get("diff_ids") else [])

    def _layers(self, name: str) -> list[Rows]:
        """`docker save` refuses an image without layers."""
        place = self._root / "saved"
        done = self._docker("save", "-o", f"{place}.tar", f"{name}:latest")
        assert done.returncode == 0, done.stderr
        with tarfile.open(f"{place}.tar") as archive:
            archive.extractall(place, filter="data")
        manifest = json.loads((place / "manifest.json").read_text())[0]
        layers = [read_layer(place / layer) for layer in manifest["Layers"]]
        shutil.rmtree(place)
        return layers


class Buildx(Judge):
    """Those with images in containerd: every result is read from the OCI layout that buildx writes."""

    _place: Callable[[], Path]

    def __init__(self) -> None:
        super().__init__()
        self._listings: dict[str, Rows] = {}

    def _client(self) -> Sequence[str]:
        return [*inside(type(self)._place()), "docker"]

    def _build(self, case: Case, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        words = ["buildx", "build", "--provenance=false", *words]
        if case.table == "bases":
            done = self._docker(*words, "-t", f"{case.name}:latest", "--load")
            assert done.returncode == 0, done.stderr
        dated = ",rewrite-timestamp=true" if case.rewrite else ""
        return self._docker(*words, "--output", f"type=oci,tar=false,dest={self._root / case.name}{dated}")

    def _read(self, case: Case) -> dict[str, Any]:
        place = self._root / case.name
        try:
            (row,) = _read_json(place / "index.json")["manifests"]
            manifest = _read_json(_blob(place, row["digest"]))
            digests = [row["digest"] for row in manifest["layers"] or ()]
            for digest in digests:
                if digest not in self._listings:
                    self._listings[digest] = read_layer(_blob(place, digest))
            config = _read_json(_blob(place, manifest["config"]["digest"]))
            return result(config, [self._listings[digest] for digest in digests])
        finally:
            shutil.rmtree(place)


def _blob(place: Path, digest: str) -> Path:
    return place / "blobs" / digest.replace(":", "/")


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text())


class OfDebian13(Buildx):
    name = "26.1"
    _kind = NEWER_IN_CONTAINERD
    _place = staticmethod(newer_root)


class Newest(Buildx):
    name = "28.5"
    _kind = NEWEST_IN_CONTAINERD
    _place = staticmethod(newest_root)


JUDGES = {judge.name: judge for judge in (Classic, Newest)}
"""Those whose results are recorded, by name."""
