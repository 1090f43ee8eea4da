"""A build whose whole process tree is killed at any moment: the next one succeeds and nothing is left of the first.

What must be equal to an undisturbed build is everything but times: an image and the files that a RUN writes are as old
as the step that made them, in any builder, so two stores never agree on those. Digests are compared of the rest.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from killing import kill_tree
from outliving import eventually, mounts, processes
from registry_server import RegistryServer, registry
from walkthrough import TOP, Walkthrough, get

SEEDS = range(20)
TARGETS = ("base", "files", "tree", "stages", "last")
OCI = "application/vnd.oci.image.manifest.v1+json"
SPEC = """
[variable]
REGISTRY = { default = "localhost:1", env = "REGISTRY" }
[defaults]
context = "src"

[target.base]
tags = ["${REGISTRY}/base"]
dockerfile-inline = '''
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN mkdir -p /out
'''

[target.files]
tags = ["${REGISTRY}/files"]
dockerfile-inline = '''
FROM localhost:1/base
COPY text /text
RUN for i in $(seq 150); do cat /text/* > /out/$i; done
RUN sleep 0.1; echo done > /out/end
'''

[target.tree]
tags = ["${REGISTRY}/tree"]
dockerfile-inline = '''
FROM localhost:1/base
WORKDIR /out/deep/er
COPY --chown=7:8 text .
RUN mkdir a b c && ln /bin/busybox a/one && ln -s ../a b/link && rm 1
'''

[target.stages]
tags = ["${REGISTRY}/stages"]
dockerfile-inline = '''
FROM localhost:1/base AS one
RUN sleep 0.1; dd if=/dev/zero of=/out/large bs=1M count=8
FROM localhost:1/base AS two
RUN echo two > /out/two
FROM scratch
COPY --from=one /out/large /
COPY --from=two /out/two /
'''

[target.last]
tags = ["${REGISTRY}/last"]
dockerfile-inline = '''
FROM localhost:1/files
RUN rm /out/1 && rm -r /text
COPY text/2 /two
'''
"""


@dataclass(frozen=True)
class Undisturbed:
    """The project, what its images must be, and the number of events that a build of it tells."""

    top: Path
    images: dict[str, Any]
    events: int


def make_project(top: Path) -> Path:
    (top / "src/text").mkdir(parents=True)
    busybox = shutil.which("busybox")
    assert busybox
    shutil.copy(busybox, top / "src/busybox")
    for number in range(40):
        (top / f"src/text/{number}").write_text(f"{number}\n" * 50)
    (top / "bake.toml").write_text(SPEC.replace("localhost:1/", "${REGISTRY}/"))
    return top


def build(top: Path, store: Path, server: RegistryServer) -> Walkthrough:
    """A `bake` that works on this store and publishes there."""
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(top),
        "PYTHONPATH": str(TOP),
        "BAKE_STORE": str(store),
        "REGISTRY": server.host,
    }
    return Walkthrough(top, environment)


def published(server: RegistryServer) -> dict[str, Any]:
    """Target → what its image is, without times."""
    found = {}
    for name in TARGETS:
        manifest = json.loads(get(server, f"/v2/{name}/manifests/latest", OCI)[0])
        config = json.loads(get(server, f"/v2/{name}/blobs/{manifest['config']['digest']}")[0])
        layers = [get(server, f"/v2/{name}/blobs/{layer['digest']}")[0] for layer in manifest["layers"]]
        assert config["rootfs"]["diff_ids"] == [
            f"sha256:{sha256(gzip.decompress(layer)).hexdigest()}" for layer in layers
        ]
        history = [{key: value for key, value in line.items() if key != "created"} for line in config["history"]]
        found[name] = (config["config"], history, [timeless(layer) for layer in layers])
    return found


def timeless(layer: bytes) -> str:
    """A digest of a layer: each member with its kind, mode, owner, link and content, in order."""
    digest = sha256()
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        for one in archive:
            data = archive.extractfile(one) if one.isreg() else None
            about = (one.name, one.type, one.mode, one.uid, one.gid, one.linkname, one.size)
            digest.update(repr(about).encode() + (data.read() if data else b""))
    return digest.hexdigest()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    place = tmp_path_factory.mktemp("undisturbed")
    top = make_project(place / "project")
    with registry(place / "registry") as server:
        ended = build(top, place / "store", server).run("build", "all", "--push", "--progress", "json")
        yield Undisturbed(top, published(server), len(ended.stderr.splitlines()))
    shutil.rmtree(place, ignore_errors=True)


def test_two_undisturbed_builds_are_equal(undisturbed: Undisturbed, tmp_path: Path) -> None:
    """Otherwise the comparison below would say nothing."""
    with registry(tmp_path / "registry") as server:
        build(undisturbed.top, tmp_path / "store", server).run("build", "all", "--push")
        assert published(server) == undisturbed.images


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_build_harms_nothing(undisturbed: Undisturbed, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    store = tmp_path / "store"
    with registry(tmp_path / "registry") as server:
        bake = build(undisturbed.top, store, server)
        process = bake.start("build", "all", "--push", "--progress", "json")
        _kill_at(process, chance.randrange(undisturbed.events), chance.uniform(0, 0.05))
        bake.run("build", "all", "--push")
        assert published(server) == undisturbed.images
        report = bake.json("build", "all", "--push", "--json")
        assert {step["status"] for step in report["steps"]} == {"cached"}
        assert report["transfers"]["pushed_bytes"] == 0
    assert eventually(lambda: not processes(str(store)))
    assert mounts(store) == []
    assert not any((store / "tmp").iterdir())
    shutil.rmtree(store, ignore_errors=True)


def _kill_at(process: subprocess.Popen[str], events: int, after: float) -> None:
    """Kills the tree when it has told so many events and a moment has gone by."""
    assert process.stderr is not None
    for _ in range(events):
        if not process.stderr.readline():
            break
    time.sleep(after)
    kill_tree(process.pid)
    process.communicate(timeout=30)
