"""Images as files, read by an independent reader (skopeo) and by tarfile."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest
from projects import Project

SPEC = """
[target.app]
tags = ["h.example/app:1", "h.example/app"]
dockerfile-inline = '''
FROM scratch
COPY a /a
LABEL k=v
CMD ["/a"]
'''
"""


def built(tmp_path: Path, output: str, more: str = "") -> Project:
    project = Project(tmp_path)
    project.write("bake.toml", f"{SPEC}output = [{output}]\n{more}")
    project.write("a", "hello")
    result = project.build()
    assert result.errors == ()
    return project


def skopeo(*arguments: str) -> str:
    return subprocess.run(["skopeo", *arguments], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("output", "reference"),
    [
        ('{ type = "oci", dest = "out/app.tar" }', "oci-archive:{}/out/app.tar:1"),
        ('{ type = "oci", dest = "out/app", tar = false }', "oci:{}/out/app:1"),
        ('{ type = "docker", dest = "out/app.tar" }', "docker-archive:{}/out/app.tar:h.example/app:1"),
    ],
)
def test_skopeo_reads_what_is_written(tmp_path: Path, output: str, reference: str) -> None:
    project = built(tmp_path, output)
    config = json.loads(skopeo("inspect", "--config", reference.format(project.root)))
    assert config["config"]["Labels"] == {"k": "v"}
    assert config["config"]["Cmd"] == ["/a"]
    skopeo("copy", reference.format(project.root), f"dir:{tmp_path}/copied")
    found = [names for path in (tmp_path / "copied").iterdir() if (names := tar_names(path)) is not None]
    assert found == [["a"]]


def tar_names(path: Path) -> list[str] | None:
    """What a layer holds, None for what is no archive."""
    try:
        with tarfile.open(path) as tar:
            return tar.getnames()
    except tarfile.TarError:
        return None


def test_equal_images_make_equal_files(tmp_path: Path) -> None:
    project = built(tmp_path, '{ type = "oci", dest = "one.tar" }')
    first = (project.root / "one.tar").read_bytes()
    project.build()
    assert (project.root / "one.tar").read_bytes() == first


def test_nothing_is_written_when_a_target_fails(tmp_path: Path) -> None:
    project = Project(tmp_path)
    bad = '[target.bad]\ndockerfile-inline = """\nFROM scratch\nCOPY none /\n"""\n'
    project.write("bake.toml", f'{SPEC}output = [{{ type = "oci", dest = "app.tar" }}]\n{bad}')
    project.write("a", "hello")
    assert project.build("all", keep_going=True).errors
    assert not (project.root / "app.tar").exists()


def test_compression_and_media_types_are_chosen_by_the_output(tmp_path: Path) -> None:
    project = built(tmp_path, '{ type = "oci", dest = "layout", tar = false, compression = "zstd" }')
    index = json.loads((project.root / "layout/index.json").read_text())
    blobs = project.root / "layout/blobs/sha256"
    manifest = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_text())
    (layer,) = manifest["layers"]
    assert layer["mediaType"].endswith("tar+zstd")
    assert (blobs / layer["digest"][7:]).read_bytes()[:4] == b"\x28\xb5\x2f\xfd"
