"""Builds the group `built` with the real BuildKit of Debian sid too, and prints where its images differ from bake's.

python tests/corpus/compare.py [TARGET…]       (as root, with Debian's mmdebstrap; ten minutes)

The bases are bake's own for both, so that only what the corpus itself says is compared. Not compared: the times of the
build, and the contents of files that programs make anew each time or that hold the time (caches, logs, byte code).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), *(str(HERE.parent / name) for name in ("support", "peer", "differential"))]

from buildkit_daemon import NEWEST_IN_CONTAINERD, Daemon, newest_root  # noqa: E402
from debian_root import inside  # noqa: E402
from diff_images import Rows, differences, read_layer, result  # noqa: E402
from walkthrough import environment, make_bases  # noqa: E402

_MADE_ANEW = re.compile(
    r"\.pyc$|(^|/)(__pycache__|log|cache|\.cache|\.npm|\.package-lock\.json)(/|$)|^var/lib/(dpkg|apt)|^etc/ld\.so\.cache|"
    r"/(RECORD|direct_url\.json|INSTALLER|uv_cache\.json)$|^tmp/"
)
_CONTENT = re.compile(r"^(f \d+ \d+:\d+) \d+ [0-9a-f]{16}")


class Corpus:
    """`directory` holds the store, the outputs of both, and bake's settings."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        (directory / "top").mkdir()
        given = environment(directory / "top", directory / "store", "", make_bases())
        self._environment = {**given, "PYTHONPATH": str(HERE.parents[1])}
        self.spec = self._bake("print", "built")["target"]

    def built_by_bake(self, name: str, kind: str = "oci") -> Path:
        """The directory of an OCI layout, or the archive of an image that docker loads."""
        place = self._directory / f"bake-{name}"
        rest = ",tar=false" if kind == "oci" else ""
        tags = ["--set", f"{name}.tags={name}:latest"] if kind == "docker" else []
        self._bake("build", name, "--set", f"{name}.output=type={kind},dest={place}{rest}", *tags, "--json")
        return place

    def words_for_buildx(self, name: str) -> list[str]:
        """How the peer is told the same target; contexts that are targets are images that it has."""
        target = self.spec[name]
        words = ["--network=host", "--provenance=false", "--progress=plain"]
        words += [f"--tag={tag}" for tag in target.get("tags", [name])]
        words += [f"--build-arg={key}={value}" for key, value in target.get("args", {}).items()]
        words += [f"--target={target['target']}"] if target.get("target") else []
        words += [f"--file={self._without_syntax(name)}"]
        words += [
            f"--build-context={key}={value.replace('target:', 'docker-image://')}"
            for key, value in target.get("contexts", {}).items()
        ]
        for secret in target.get("secret", []):
            path = HERE / secret["src"]
            words += [f"--secret=id={secret['id']},src={path}"] if path.exists() else []
        return words

    def _without_syntax(self, name: str) -> Path:
        """The daemon's own front end is the one to be asked, not one of a registry."""
        lines = (self.context(name) / "Dockerfile").read_text().splitlines(keepends=True)
        place = self._directory / f"{name}.Dockerfile"
        place.write_text("".join(line for line in lines if not line.startswith("# syntax=")))
        return place

    def context(self, name: str) -> Path:
        return HERE / self.spec[name]["context"]

    def _bake(self, *line: str) -> Any:
        argv = [sys.executable, "-m", "bake", *line]
        done = subprocess.run(argv, cwd=HERE, env=self._environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}: {done.stderr[-3000:]}"
        return json.loads(done.stdout)


def main(names: Sequence[str]) -> int:
    spec = tomllib.loads((HERE / "bake.toml").read_text())
    differing = 0
    with tempfile.TemporaryDirectory() as directory, Daemon(kind=NEWEST_IN_CONTAINERD) as daemon:
        corpus = Corpus(Path(directory))
        for base in (name for name in spec["target"] if name.startswith("base-")):
            _docker(daemon, "load", "-i", str(corpus.built_by_bake(base, "docker")))
        for name in names or spec["group"]["built"]:
            if "--parents" in (corpus.context(name) / "Dockerfile").read_text():
                print(name, "is for a labs front end", flush=True)
                continue
            place = Path(directory) / f"peer-{name}"
            words = ["buildx", "build", *corpus.words_for_buildx(name)]
            for output in ("type=docker", f"type=oci,tar=false,dest={place}"):
                _docker(daemon, *words, f"--output={output}", str(corpus.context(name)))
            found = differences(_read(place), _read(corpus.built_by_bake(name)))
            differing += bool(found)
            print(name, *(f"\n    {each}" for each in found), flush=True)
    return differing


def _docker(daemon: Daemon, *words: str) -> None:
    line = [*inside(newest_root()), "env", f"HOME={daemon.root}", "docker", "-H", f"unix://{daemon.socket}", *words]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr[-3000:]}"


def _read(place: Path) -> dict[str, Any]:
    """An OCI layout as a comparable value."""
    index = json.loads((place / "index.json").read_text())
    manifest = _blob(place, index["manifests"][0]["digest"])
    if "manifests" in manifest:
        manifest = _blob(place, manifest["manifests"][0]["digest"])
    layers = [read_layer(place / "blobs" / row["digest"].replace(":", "/")) for row in manifest["layers"]]
    return result(_blob(place, manifest["config"]["digest"]), [_comparable(layer) for layer in layers])


def _comparable(layer: Rows) -> Rows:
    return {path: _CONTENT.sub(r"\1", row) if _MADE_ANEW.search(path) else row for path, row in layer.items()}


def _blob(place: Path, digest: str) -> Any:
    return json.loads((place / "blobs" / digest.replace(":", "/")).read_text())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) > 0)
