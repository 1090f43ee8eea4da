"""Manifests, indexes and configs as registries really hold them, and as they must not be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.oci import media_types as mt
from bake.oci.digest import sha256
from bake.oci.documents import MANIFEST_LIMIT, decode_config, decode_manifest
from bake.oci.model import Descriptor, Healthcheck, History, ImageConfig, Index, Manifest, RootFS, RunConfig, encode

DIGEST = sha256(b"x")
CONFIG = {"mediaType": mt.OCI_CONFIG, "digest": DIGEST, "size": 7}
LAYER = {"mediaType": mt.OCI_LAYER_GZIP, "digest": DIGEST, "size": 9}


def manifest(**changes: Any) -> bytes:
    document = {"schemaVersion": 2, "mediaType": mt.OCI_MANIFEST, "config": CONFIG, "layers": [LAYER]}
    return json.dumps({k: v for k, v in (document | changes).items() if v != "absent"}).encode()


def index(**changes: Any) -> bytes:
    one = {
        "mediaType": mt.OCI_MANIFEST,
        "digest": DIGEST,
        "size": 7,
        "platform": {"os": "linux", "architecture": "arm"},
    }
    document = {"schemaVersion": 2, "mediaType": mt.OCI_INDEX, "manifests": [one]}
    return json.dumps({k: v for k, v in (document | changes).items() if v != "absent"}).encode()


@pytest.mark.parametrize(
    ("data", "said", "kind", "media_type"),
    [
        (manifest(), mt.OCI_MANIFEST, Manifest, mt.OCI_MANIFEST),
        (manifest(), "", Manifest, mt.OCI_MANIFEST),
        (manifest(), "application/json; charset=utf-8", Manifest, mt.OCI_MANIFEST),
        (manifest(), mt.OCI_MANIFEST + "; charset=utf-8", Manifest, mt.OCI_MANIFEST),
        (manifest(mediaType="absent"), mt.OCI_MANIFEST, Manifest, mt.OCI_MANIFEST),
        (manifest(mediaType="absent"), "", Manifest, mt.OCI_MANIFEST),
        (manifest(mediaType=mt.DOCKER_MANIFEST), mt.DOCKER_MANIFEST, Manifest, mt.DOCKER_MANIFEST),
        (manifest(layers=None, annotations=None), mt.OCI_MANIFEST, Manifest, mt.OCI_MANIFEST),
        (manifest(layers="absent"), mt.OCI_MANIFEST, Manifest, mt.OCI_MANIFEST),
        (index(), mt.OCI_INDEX, Index, mt.OCI_INDEX),
        (index(mediaType="absent"), "", Index, mt.OCI_INDEX),
        (index(mediaType=mt.DOCKER_INDEX), mt.DOCKER_INDEX, Index, mt.DOCKER_INDEX),
        (index(manifests=None), mt.OCI_INDEX, Index, mt.OCI_INDEX),
    ],
)
def test_reads_both_families(data: bytes, said: str, kind: type, media_type: str) -> None:
    document = decode_manifest(data, said)
    assert type(document) is kind
    assert document.media_type == media_type


@pytest.mark.parametrize(
    ("data", "said", "message"),
    [
        (b"{", "", "not valid JSON"),
        (b"[]", "", "not a JSON object"),
        (b"\xff\xfe", "", "not valid JSON"),
        (b"[" * 100_000, "", "not valid JSON"),
        (b" " * (MANIFEST_LIMIT + 1), "", "not accepted"),
        (b'{"schemaVersion": 1, "name": "x"}', "", "schema 1"),
        (manifest(manifests=[]), "", "ambiguous"),
        (manifest(), mt.OCI_INDEX, "the manifest itself says"),
        (manifest(mediaType=mt.OCI_INDEX), mt.OCI_INDEX, "form of something else"),
        (index(mediaType=mt.DOCKER_MANIFEST), mt.DOCKER_MANIFEST, "form of something else"),
        (manifest(mediaType="text/html"), "", "not an image"),
        (manifest(config="absent"), "", "config"),
        (manifest(layers=[LAYER | {"digest": "sha512:" + "a" * 128}]), "", "not a sha256 digest"),
        (manifest(layers=[LAYER | {"digest": "../../etc"}]), "", "not a sha256 digest"),
        (manifest(layers=[LAYER | {"size": -1}]), "", "size of -1"),
        (manifest(layers=[LAYER | {"size": "9"}]), "", "right form"),
        (manifest(layers={}), "", "right form"),
    ],
)
def test_refuses(data: bytes, said: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_manifest(data, said)


def test_config_with_nulls() -> None:
    config = decode_config(
        json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "created": None,
                "container_config": {"Cmd": None},
                "config": {
                    "User": None,
                    "Cmd": None,
                    "Env": ["A=1"],
                    "Entrypoint": None,
                    "OnBuild": None,
                    "Volumes": {"/data": None, "/more": {}},
                    "ExposedPorts": {"80/tcp": {}},
                    "Labels": {"empty": None, "a": "b"},
                },
                "rootfs": {"type": "layers", "diff_ids": None},
                "history": None,
            }
        ).encode()
    )
    assert config.config == RunConfig(
        env=("A=1",),
        volumes={"/data": {}, "/more": {}},
        exposed_ports={"80/tcp": {}},
        labels={"empty": "", "a": "b"},
    )
    assert (config.rootfs.diff_ids, config.history, config.created) == ((), (), None)


@pytest.mark.parametrize("data", [b"null", b'{"rootfs": {"diff_ids": ["x"]}}', b'{"config": {"Env": "A=1"}}'])
def test_config_refuses(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"image config"):
        decode_config(data)


digests = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)
words = st.text(max_size=10)
descriptors = st.builds(
    Descriptor, media_type=words, digest=digests, size=st.integers(0, 2**50), artifact_type=st.none() | words
)
configs = st.builds(
    ImageConfig,
    architecture=words,
    os=words,
    config=st.builds(
        RunConfig,
        user=words,
        env=st.none() | st.lists(words).map(tuple),
        labels=st.none() | st.dictionaries(words, words),
        volumes=st.none() | st.dictionaries(words, st.just({})),
        healthcheck=st.none() | st.builds(Healthcheck, interval=st.integers(0, 2**40)),
    ),
    rootfs=st.builds(RootFS, diff_ids=st.lists(digests).map(tuple)),
    history=st.lists(st.builds(History, created_by=words, empty_layer=st.booleans())).map(tuple),
)


@given(configs)
def test_what_we_write_we_read(config: ImageConfig) -> None:
    assert decode_config(encode(config)) == config


@given(st.builds(Manifest, config=descriptors, layers=st.lists(descriptors, max_size=3).map(tuple)))
def test_manifests_round_trip(document: Manifest) -> None:
    assert decode_manifest(encode(document), mt.OCI_MANIFEST) == document


@given(st.builds(Index, manifests=st.lists(descriptors, max_size=3).map(tuple)))
def test_indexes_round_trip(document: Index) -> None:
    assert decode_manifest(encode(document), mt.OCI_INDEX) == document


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([mt.OCI_MANIFEST, mt.OCI_INDEX, DIGEST, "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["config", "layers", "manifests", "mediaType", "digest", "size", "x"]), inner)
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_read_or_refused(value: Any) -> None:
    for read in (decode_manifest, decode_config):
        try:
            read(json.dumps(value).encode())
        except ValueError as error:
            assert str(error)
