"""Config, manifest and history of an image from its plan and its layers (reference/dockerfile.md §10.2)."""

from __future__ import annotations

import json

from compiling import compile_targets, only_image, target

from bake.image.assemble import Assembled, LayerInfo, assemble, rfc3339
from bake.image.index import index_of
from bake.oci import media_types
from bake.oci.digest import Digest, sha256
from bake.oci.model import Descriptor, History, ImageConfig, RunConfig

TEXT = 'FROM scratch\nENV A=1\nCOPY a /\nLABEL l=m\nCOPY b /\nCMD ["x"]\n'


def layers(count: int) -> list[LayerInfo]:
    return [
        LayerInfo(
            sha256(f"tar {n}".encode()), Descriptor(media_types.OCI_LAYER_GZIP, sha256(b"%d" % n), n + 1), 1000.5 + n
        )
        for n in range(count)
    ]


def made(text: str = TEXT, docker: bool = False, **images: ImageConfig) -> Assembled:
    image = only_image(compile_targets(target("t", text), images=images))
    infos = dict(zip(image.layers, layers(len(image.layers)), strict=True))
    return assemble(image, infos, docker=docker)


def test_entries_without_a_layer_take_the_time_of_the_first_new_layer_or_the_one_before() -> None:
    config = json.loads(made().config)
    times = [(entry["created_by"].split()[0], entry["created"]) for entry in config["history"]]
    first, second = rfc3339(1000.5), rfc3339(1001.5)
    assert times == [("ENV", first), ("COPY", first), ("LABEL", first), ("COPY", second), ("CMD", second)]
    assert config["created"] == second
    assert [entry.get("empty_layer", False) for entry in config["history"]] == [True, False, True, False, True]
    assert len(config["rootfs"]["diff_ids"]) == 2


def test_history_of_a_base_stays_as_it_is() -> None:
    base = ImageConfig(
        architecture="amd64", os="linux", config=RunConfig(), history=(History("2001-01-01T00:00:00Z", "base"),)
    )
    config = json.loads(made("FROM base\nENV A=1\n", base=base).config)
    assert config["history"] == [
        {"created": "2001-01-01T00:00:00Z", "created_by": "base"},
        {
            "created": "2001-01-01T00:00:00Z", "created_by": "ENV A=1", "comment": "buildkit.dockerfile.v0",
            "empty_layer": True,
        },
    ]  # fmt: skip


def test_media_types_are_of_one_family() -> None:
    for docker, manifest_type, layer_type in (
        (False, media_types.OCI_MANIFEST, media_types.OCI_LAYER_GZIP),
        (True, media_types.DOCKER_MANIFEST, media_types.DOCKER_LAYER_GZIP),
    ):
        image = made(docker=docker)
        manifest = json.loads(image.manifest)
        assert manifest["mediaType"] == image.descriptor.media_type == manifest_type
        assert {layer["mediaType"] for layer in manifest["layers"]} == {layer_type}
        assert manifest["config"]["digest"] == sha256(image.config)
        assert image.descriptor.digest == sha256(image.manifest)


def test_the_same_image_has_the_same_digest() -> None:
    assert made().descriptor == made().descriptor


def test_one_platform_is_a_manifest_and_several_are_an_index() -> None:
    image = made()
    assert index_of([image]) == (image.descriptor, image.manifest)
    descriptor, data = index_of([image, image])
    assert descriptor.media_type == media_types.OCI_INDEX
    assert [m["platform"] for m in json.loads(data)["manifests"]] == [{"architecture": "amd64", "os": "linux"}] * 2
    assert descriptor.digest == Digest(sha256(data))
