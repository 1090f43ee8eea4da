"""What each output chooses for itself: names, media types, compression, annotations; the same bytes everywhere."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from projects import Project
from registry_server import registry

from bake.app.outputs import insecure_hosts
from bake.errors import InputError
from bake.spec.target import Target

SPEC = """
[target.app]
tags = ["h.example/app:1"]
platforms = {platforms}
annotations = {annotations}
output = [{output}]
dockerfile-inline = '''
FROM scratch
COPY a /a
'''
"""
ONE, TWO = '["linux/amd64"]', '["linux/amd64", "linux/arm64"]'
OCI, DOCKER = "application/vnd.oci.image", "application/vnd.docker"


def project(tmp_path: Path, output: str, platforms: str = ONE, annotations: str = "{}") -> Project:
    made = Project(tmp_path)
    made.write("bake.toml", SPEC.format(output=output, platforms=platforms, annotations=annotations))
    os.utime(made.write("a", "hello " * 5000), (1_600_000_000, 1_600_000_000))
    return made


def layout(made: Project, name: str = "out") -> tuple[dict[str, Any], Any]:
    """(entry of index.json, the document it names)."""
    (entry,) = json.loads((made.root / name / "index.json").read_text())["manifests"]
    return entry, document(made, entry, name)


def document(made: Project, descriptor: dict[str, Any], name: str = "out") -> Any:
    return json.loads(blob(made, descriptor, name))


def blob(made: Project, descriptor: dict[str, Any], name: str = "out") -> bytes:
    data = (made.root / name / "blobs/sha256" / descriptor["digest"][7:]).read_bytes()
    assert sha256(data).hexdigest() == descriptor["digest"][7:]
    return data


def built(tmp_path: Path, output: str, platforms: str = ONE, annotations: str = "{}", **changes: Any) -> Project:
    made = project(tmp_path, output, platforms, annotations)
    assert made.build(**changes).errors == ()
    return made


def test_outputs_of_one_target_differ(tmp_path: Path) -> None:
    rows = [
        ("gzip", ""),
        ("best", ', compression = "gzip", compression-level = 9'),
        ("zstd", ', compression = "zstd", compression-level = 19'),
        ("plain", ', compression = "uncompressed"'),
        ("docker", ", oci-mediatypes = false"),
    ]
    outputs = ", ".join(f'{{ type = "oci", dest = "{name}", tar = false{more} }}' for name, more in rows)
    made = built(tmp_path, outputs)
    layers = {}
    for name, _ in rows:
        _, manifest = layout(made, name)
        (layers[name],) = manifest["layers"]
        assert manifest["mediaType"].startswith(DOCKER if name == "docker" else OCI)
    kinds = {name: layer["mediaType"].rpartition("tar")[2] for name, layer in layers.items()}
    assert kinds == {"gzip": "+gzip", "best": "+gzip", "zstd": "+zstd", "plain": "", "docker": ".gzip"}
    assert layers["best"]["size"] < layers["gzip"]["size"] < layers["plain"]["size"]
    assert layers["docker"]["digest"] == layers["gzip"]["digest"]
    other = built(tmp_path / "other", outputs)
    again = {name: layout(other, name)[1]["layers"][0]["digest"] for name, _ in rows}
    assert again == {name: layer["digest"] for name, layer in layers.items()}, "another store, other digests"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ('compression = "estargz"', "unsupported-output"),
        ('compression = "zstd", media-types = "docker"', "bad-output"),
        ("compression-level = 10", "bad-output"),
        ("oci-artifact = true, oci-mediatypes = false", "bad-output"),
        ("name-canonical = true", "unsupported-output"),
        ("annotation-layer.k = 'v'", "unknown-key"),
        ("'annotation-index.k' = 'v'", "bad-annotation"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(tmp_path: Path, options: str, code: str) -> None:
    kind = '"image"' if "name-" in options else '"oci", dest = "out"'
    made = project(tmp_path, f"{{ type = {kind}, {options} }}")
    with pytest.raises(InputError) as caught:
        made.build()
    found = caught.value.diagnostics[0]
    assert found.code == code
    assert found.span is not None and found.span.source.name.endswith("bake.toml")


def test_docker_archives_of_several_platforms_are_refused_before_anything_runs(tmp_path: Path) -> None:
    made = project(tmp_path, '"type=docker,dest=x.tar"', TWO)
    with pytest.raises(InputError, match="one platform"):
        made.build()


def test_annotations_at_all_levels(tmp_path: Path) -> None:
    annotations = """{ plain = "m", "index,manifest-descriptor:both" = "b", "manifest[linux/arm64]:plain" = "arm" }"""
    output = '{ type = "oci", dest = "out", tar = false, "annotation-index-descriptor.outer" = "o" }'
    made = built(tmp_path, output, TWO, annotations)
    entry, index = layout(made)
    assert entry["annotations"]["outer"] == "o"
    assert index["annotations"] == {"both": "b"}
    assert [row["annotations"] for row in index["manifests"]] == [{"both": "b"}, {"both": "b"}]
    assert [document(made, row)["annotations"]["plain"] for row in index["manifests"]] == ["m", "arm"]


def test_annotations_need_their_platform(tmp_path: Path) -> None:
    made = project(tmp_path, '"type=oci,dest=out"', annotations='{ "manifest[linux/arm64]:k" = "v" }')
    with pytest.raises(InputError, match="linux/arm64, which is not built"):
        made.build()


def test_name_and_push_by_digest(tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as server:
        named = f'{{ type = "image", push = true, name = "{server.host}/one:a,{server.host}/one:b" }}'
        bare = f'{{ type = "registry", push-by-digest = true, name = "{server.host}/two" }}'
        made = project(tmp_path, f"{named}, {bare}")
        result = made.build()
        assert result.errors == ()
        tags = server.storage / "docker/registry/v2/repositories/one/_manifests/tags"
        assert {path.name for path in tags.iterdir()} == {"a", "b"}
        two = server.storage / "docker/registry/v2/repositories/two/_manifests"
        assert not (two / "tags").exists()
        digest = result.report.targets["app"].digest
        assert (two / "revisions/sha256" / digest[7:]).is_dir()


def test_insecure_registries_of_outputs_and_caches() -> None:
    target = Target(
        "app", "/", "app", tags=("a.example/x:1",),
        output=({"type": "registry", "registry.insecure": True}, {"type": "registry", "name": "b.example/y"}),
        cache_from=({"type": "registry", "ref": "c.example/z", "registry.insecure": True},),
    )  # fmt: skip
    assert insecure_hosts([target]) == {"a.example", "c.example"}


def test_plain_files_need_no_packed_layers(tmp_path: Path) -> None:
    made = built(tmp_path, '"type=local,dest=out"')
    assert (made.root / "out/a").is_file()
    assert not [path for path in (made.store / "oci/blobs/sha256").rglob("*") if path.is_file()]


def test_layers_of_a_base_stay_as_they_came_unless_forced(tmp_path: Path) -> None:
    """A base in a registry, packed with gzip; `unpack` brings it into the store."""
    with registry(tmp_path / "registry") as server:
        base = project(tmp_path / "base", '{ type = "registry" }')
        (base.root / "bake.toml").write_text(
            (base.root / "bake.toml").read_text().replace("h.example/app:1", f"{server.host}/base:1")
        )
        assert base.build().errors == ()
        outputs = ", ".join(
            f'{{ type = "oci", dest = "{name}", tar = false, compression = "zstd"{more} }}'
            for name, more in (("kept", ""), ("forced", ", force-compression = true"))
        )
        made = project(tmp_path / "app", f'{outputs}, "type=image,unpack=true"')
        text = (made.root / "bake.toml").read_text()
        made.write("bake.toml", text.replace("FROM scratch", f"FROM {server.host}/base:1"))
        made.write("a", "another than in the base")
        assert made.build().errors == ()
    manifests = {name: layout(made, name)[1] for name in ("kept", "forced")}
    kinds = {name: [layer["mediaType"][-5:] for layer in found["layers"]] for name, found in manifests.items()}
    assert kinds == {"kept": ["+gzip", "+zstd"], "forced": ["+zstd", "+zstd"]}
    assert manifests["kept"]["config"] == manifests["forced"]["config"]
    assert len([path for path in (made.store / "layers").iterdir() if (path / "fs/a").exists()]) == 2


def test_an_output_is_for_what_was_asked_for(tmp_path: Path) -> None:
    """`-o` counts for the requested target, not for those that it stands on: they would claim the same file."""
    made = project(tmp_path, '"type=oci,dest=base.tar"')
    text = (made.root / "bake.toml").read_text()
    made.write(
        "bake.toml",
        text
        + """
[target.top]
contexts = { base = "target:app" }
dockerfile-inline = "FROM base\\nCOPY a /b"
""",
    )
    assert made.build("top", outputs=("type=oci,dest=top.tar",)).errors == ()
    assert (made.root / "top.tar").is_file() and not (made.root / "base.tar").exists()
    with pytest.raises(InputError, match="is claimed by two targets"):
        made.build("app", "top", outputs=("type=oci,dest=top.tar",))
