"""What lies in the registry after `--push`, seen by clients that know nothing of bake."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from registry_server import registry
from walkthrough import CANARY, get, skopeo

Built = Any
OCI = "application/vnd.oci.image.manifest.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
REPOSITORIES = [
    *("busybox", "cache", "cmd-entrypoint", "copy-add", "env-arg", "expose"),
    *("hello", "label", "main", "multi-stage", "python", "run"),
]


def manifest(built: Built, repository: str, tag: str = "latest") -> tuple[dict[str, Any], dict[str, str]]:
    """A manifest by its tag and the headers that it came with."""
    body, headers = get(built.server, f"/v2/{repository}/manifests/{tag}", OCI, DOCKER)
    return json.loads(body), headers


def test_the_catalog(built: Built) -> None:
    body, _ = get(built.server, "/v2/_catalog")
    assert json.loads(body)["repositories"] == REPOSITORIES
    assert built.walk.run("catalog", built.walk.environment["REGISTRY"]).stdout.split() == REPOSITORIES


def test_tags_of_a_matrix(built: Built) -> None:
    python = f"python{built.python}"
    expected = {"latest", python, f"{python}-fastapi0.115", f"{python}-fastapi0.116"}
    body, _ = get(built.server, "/v2/main/tags/list")
    assert set(json.loads(body)["tags"]) == expected
    name = f"{built.walk.environment['REGISTRY']}/main"
    assert set(built.walk.run("tags", name).stdout.split()) == expected
    assert manifest(built, "main")[0] == manifest(built, "main", python)[0]


def test_tags_of_one_image_are_one_manifest(built: Built) -> None:
    body, _ = get(built.server, "/v2/hello/tags/list")
    assert set(json.loads(body)["tags"]) == {"latest", "0.1", "docker"}
    digests = {manifest(built, "hello", tag)[1]["docker-content-digest"] for tag in ("latest", "0.1")}
    assert digests == {built.walk.json("build", "hello", "--push", "--json")["targets"]["hello"]["digest"]}


def test_media_types(built: Built) -> None:
    """OCI's unless the output says Docker's; the layers are the same blobs."""
    oci, headers = manifest(built, "hello")
    assert headers["content-type"] == oci["mediaType"] == OCI
    assert oci["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
    docker, headers = manifest(built, "hello", "docker")
    assert headers["content-type"] == docker["mediaType"] == DOCKER
    assert docker["config"]["mediaType"] == "application/vnd.docker.container.image.v1+json"
    assert {layer["mediaType"] for layer in docker["layers"]} == {"application/vnd.docker.image.rootfs.diff.tar.gzip"}
    assert [layer["digest"] for layer in docker["layers"]] == [layer["digest"] for layer in oci["layers"]]


def test_the_multi_stage_image_is_one_small_layer(built: Built) -> None:
    (layer,) = manifest(built, "multi-stage")[0]["layers"]
    assert layer["size"] < 3_000_000


@pytest.mark.parametrize("name", ["main:latest", "hello:docker", "multi-stage:latest"])
def test_skopeo_reads_what_was_published(built: Built, name: str) -> None:
    source = f"docker://{built.server.host}/{name}"
    found = json.loads(skopeo("inspect", "--tls-verify=false", source))
    assert found["Os"] == "linux"
    repository, tag = name.split(":")
    assert found["Layers"] == [layer["digest"] for layer in manifest(built, repository, tag)[0]["layers"]]


def test_skopeo_copies_what_was_published(built: Built, tmp_path: Path) -> None:
    """skopeo verifies each blob against its digest and the unpacked ones against the config."""
    skopeo("copy", "--src-tls-verify=false", f"docker://{built.server.host}/copy-add", f"dir:{tmp_path}/image")
    copied = json.loads((tmp_path / "image/manifest.json").read_text())
    assert copied == manifest(built, "copy-add")[0]


def test_diff_ids_are_those_of_the_unpacked_layers(built: Built) -> None:
    from hashlib import sha256

    found = manifest(built, "copy-add")[0]
    body, _ = get(built.server, f"/v2/copy-add/blobs/{found['config']['digest']}")
    layers = [get(built.server, f"/v2/copy-add/blobs/{layer['digest']}")[0] for layer in found["layers"]]
    unpacked = [f"sha256:{sha256(gzip.decompress(layer)).hexdigest()}" for layer in layers]
    assert json.loads(body)["rootfs"]["diff_ids"] == unpacked


def test_the_second_push_sends_nothing(built: Built) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.server.blob_root.rglob("data")}
    report = built.walk.json("build", "all", "--push", "--json")
    assert {row["status"] for row in report["steps"]} == {"cached"}
    assert {row["status"] for row in report["targets"].values()} == {"unchanged"}
    assert all(row["published"] for row in report["targets"].values())
    transfers = report["transfers"]
    assert transfers["blobs_present"] > 0
    assert {transfers[name] for name in ("pushed_bytes", "blobs_pushed", "blobs_mounted", "pulled_bytes")} == {0}
    assert {path: path.stat().st_mtime_ns for path in built.server.blob_root.rglob("data")} == before


def test_each_layer_is_said_to_be_there(built: Built) -> None:
    ended = built.walk.run("push", "hello", "--progress", "json")
    events = [json.loads(line) for line in ended.stderr.splitlines()]
    blobs = [event for event in events if event["type"] == "blob.finished"]
    digests = {layer["digest"] for layer in manifest(built, "hello")[0]["layers"]}
    assert digests <= {event["digest"] for event in blobs if event["outcome"] == "present"}
    assert not [event for event in blobs if event["outcome"] != "present"]


def test_pushing_what_is_built_builds_nothing(built: Built, tmp_path: Path) -> None:
    """To another registry: everything is sent, nothing runs."""
    with registry(tmp_path / "other") as other:
        report = built.walk.with_(REGISTRY=other.host).json("build", "hello", "multi-stage", "--push", "--json")
        assert {row["status"] for row in report["steps"]} == {"cached"}
        assert report["transfers"]["blobs_pushed"] > 0
        body, _ = get(other, "/v2/multi-stage/manifests/latest", OCI)
    assert json.loads(body)["layers"] == manifest(built, "multi-stage")[0]["layers"]


def test_no_published_layer_holds_a_secret(built: Built) -> None:
    needle = CANARY.encode()
    skipped = {layer["digest"] for layer in manifest(built, "python")[0]["layers"]}
    for path in built.server.blob_root.glob("*/*/data"):
        if f"sha256:{path.parent.name}" not in skipped:
            data = path.read_bytes()
            text = zlib.decompress(data, 31) if data.startswith(b"\x1f\x8b") else data
            assert needle not in text, path
            assert b"etc/pip.conf" not in text, path
            assert b"run/secrets" not in text, path


def test_the_profile_hub_is_planned_on_official_images(built: Built, tmp_path: Path) -> None:
    """A mirror that holds images of these names stands for the hub; nothing is built and no layer is read."""
    images = {"3.11.5": "hello", "3.12.1": "copy-add", "3.13.0": "env-arg"}
    with registry(tmp_path / "hub") as hub:
        for version, image in images.items():
            published = f"docker://{built.server.host}/{image}", f"docker://{hub.host}/library/python:{version}"
            skopeo("copy", "--src-tls-verify=false", "--dest-tls-verify=false", *published)
        settings = tmp_path / "config/bake"
        settings.mkdir(parents=True)
        (settings / "config.toml").write_text(f'registries."docker.io".mirrors = ["{hub.host}"]\n')
        walk = built.walk.with_(XDG_CONFIG_HOME=str(tmp_path / "config"), BAKE_STORE=str(tmp_path / "store"))
        variables = {name: value for name, value in walk.environment.items() if name != "PYTHON_VERSION"}
        plan = type(walk)(walk.top, variables).json("plan", "main", "--profile", "hub", "--json")
    targets = {target for row in plan["steps"] for target in row["targets"]}
    assert targets == {f"main-{version}-{fastapi}" for version in images for fastapi in ("0.115", "0.116")}
    assert {row["status"] for row in plan["steps"]} == {"run", "unknown"}
