"""`bake copy` between real registries, layouts and archives; skopeo reads what it wrote and writes what it reads."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest
from faulty_proxy import faulty_proxy
from published_index import make
from registry_server import RegistryServer, registry

from bake.oci.digest import sha256
from bake.oci.reference import parse_reference
from bake.registry.client import Registry
from bake.registry.hosts import Hosts
from bake.registry.places import place_of

Line = Callable[[str], tuple[int, str, str]]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    with registry(tmp_path_factory.mktemp("other")) as running:
        yield running


def manifest(reference: str) -> bytes:
    async def ask() -> bytes:
        async with Registry(Hosts(), ()) as client:
            return (await client.manifest(parse_reference(reference)))[1]

    return anyio.run(ask)


def test_to_another_registry_and_back(server: RegistryServer, other: RegistryServer, line: Line) -> None:
    made = make(server.host, "team/app")
    code, out, _ = line(f"copy {server.host}/team/app:1 {other.host}/copied --json")
    found = json.loads(out)
    assert code == 0
    assert found["images"] == [
        {"source": f"{server.host}/team/app:1", "destination": f"{other.host}/copied:1", "digest": made.digest}
    ]
    assert found["blobs"] == {"pushed": len(made.blobs)}
    assert found["sent_bytes"] == sum(map(len, made.blobs.values()))
    for digest, data in made.documents.items():
        assert manifest(f"{other.host}/copied@{digest}") == data
    assert json.loads(line(f"copy {server.host}/team/app:1 {other.host}/copied:1 --json")[1])["blobs"] == {
        "present": len(made.blobs)
    }


def test_within_one_registry_everything_is_mounted(server: RegistryServer, line: Line) -> None:
    made = make(server.host, "team/src")
    with faulty_proxy(server.host) as proxy:
        code, out, _ = line(f"copy {proxy.host}/team/src:1 {proxy.host}/team/dst:2 --json")
        assert code == 0
        assert json.loads(out)["blobs"] == {"mounted": len(made.blobs)}
        assert not proxy.requests("PATCH") and not proxy.requests("PUT", "/uploads/")
        assert not proxy.requests("GET", "/blobs/")


def test_layout_and_archive(server: RegistryServer, other: RegistryServer, line: Line, tmp_path: Path) -> None:
    made = make(server.host, "team/laid")
    layout, archive = tmp_path / "out", tmp_path / "app.tar"
    assert line(f"copy {server.host}/team/laid:1 oci:{layout}")[0] == 0
    assert line(f"copy {server.host}/team/laid:1 oci:{layout}:second")[0] == 0
    index = json.loads((layout / "index.json").read_text())
    assert [row["annotations"]["org.opencontainers.image.ref.name"] for row in index["manifests"]] == ["1", "second"]
    for digest, data in {**made.documents, **made.blobs}.items():
        assert (layout / "blobs/sha256" / digest[7:]).read_bytes() == data
    assert line(f"copy {layout}:second {archive}")[0] == 0
    assert line(f"copy oci-archive:{archive} {other.host}/from/archive")[1].startswith(
        f"{other.host}/from/archive:latest  {made.digest}\n"
    )
    with tarfile.open(archive) as tar:
        assert {name for name in tar.getnames() if name.startswith("blobs")} == {
            f"blobs/sha256/{digest[7:]}" for digest in (*made.documents, *made.blobs)
        }
    first = archive.read_bytes()
    archive.unlink()
    assert line(f"copy {layout}:second {archive}")[0] == 0
    assert archive.read_bytes() == first


def entries(index: bytes) -> set[str]:
    """Digests in an index; skopeo writes them in an order of its own."""
    return {row["digest"] for row in json.loads(index)["manifests"]}


def test_skopeo_reads_and_writes_the_same(
    server: RegistryServer, other: RegistryServer, line: Line, tmp_path: Path
) -> None:
    make(server.host, "team/skopeo")
    (tmp_path / "s").mkdir()
    copy = ["skopeo", "copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"]
    subprocess.run([*copy, f"docker://{server.host}/team/skopeo:1", f"oci:{tmp_path}/s:x"], check=True)
    assert line(f"copy oci:{tmp_path}/s:x {other.host}/via/layout:1")[0] == 0
    (row,) = json.loads((tmp_path / "s/index.json").read_text())["manifests"]
    index = manifest(f"{other.host}/via/layout:1")
    assert sha256(index) == row["digest"]
    assert line(f"copy {other.host}/via/layout:1 oci:{tmp_path}/t:y")[0] == 0
    (tmp_path / "u").mkdir()
    subprocess.run([*copy, f"oci:{tmp_path}/t:y", f"dir:{tmp_path}/u"], check=True)
    assert entries((tmp_path / "u/manifest.json").read_bytes()) == entries(index)


def test_one_platform_and_by_digest(server: RegistryServer, other: RegistryServer, line: Line) -> None:
    made = make(server.host, "team/one")
    assert line(f"copy --platform linux/arm64 {server.host}/team/one:1 {other.host}/one:arm")[0] == 0
    assert sha256(manifest(f"{other.host}/one:arm")) == made.platforms["arm64"]
    assert line(f"copy {server.host}/team/one@{made.digest} {other.host}/bare")[0] == 0
    assert manifest(f"{other.host}/bare@{made.digest}") == made.documents[made.digest]
    assert line(f"tags {other.host}/bare")[1] == ""
    code, _, err = line(f"copy --platform linux/s390x {server.host}/team/one:1 {other.host}/one:x")
    assert code == 2 and "error[no-such-platform]" in err
    code, _, err = line(f"copy {server.host}/team/one:1 {other.host}/one@sha256:{'0' * 64}")
    assert code == 2 and "error[digest-differs]" in err


def test_all_tags(server: RegistryServer, other: RegistryServer, line: Line, tmp_path: Path) -> None:
    digests = {tag: make(server.host, "team/many", tag).digest for tag in ("a", "b")}
    code, _, err = line(f"copy --all-tags {server.host}/team/many {other.host}/many")
    assert code == 0, err
    assert {tag: sha256(manifest(f"{other.host}/many:{tag}")) for tag in digests} == digests
    assert line(f"copy --all-tags {other.host}/many oci:{tmp_path}/many")[0] == 0
    code, _, err = line(f"copy oci:{tmp_path}/many {other.host}/x")
    assert code == 2 and "name one of them: a, b" in err


def test_a_broken_copy_moves_no_tag_and_goes_on(server: RegistryServer, other: RegistryServer, line: Line) -> None:
    made = make(server.host, "team/broken")
    with faulty_proxy(other.host) as proxy:
        last = list(made.platforms.values())[1]
        proxy.add(method="PUT", path=last, status=403, times=9)
        code, out, err = line(f"copy {server.host}/team/broken:1 {proxy.host}/broken:1")
        assert code == 3 and out == "" and "not published: " in err
        proxy.faults.clear()
        proxy.seen.clear()
        assert line(f"copy {server.host}/team/broken:1 {proxy.host}/broken:1")[0] == 0
        assert not proxy.requests("PUT", "/uploads/")


@pytest.mark.parametrize("damage", ["flip", "missing", "index", "not-json"])
def test_damaged_layouts(
    server: RegistryServer, other: RegistryServer, line: Line, tmp_path: Path, damage: str
) -> None:
    made = make(server.host, f"team/damaged-{damage}")
    assert line(f"copy {server.host}/team/damaged-{damage}:1 oci:{tmp_path}/l")[0] == 0
    digest, data = max(made.blobs.items(), key=lambda row: len(row[1]))
    file = tmp_path / "l/blobs/sha256" / digest[7:]
    if damage == "flip":
        file.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    elif damage == "missing":
        file.unlink()
    elif damage == "index":
        (tmp_path / "l/index.json").unlink()
    else:
        (tmp_path / "l/index.json").write_text("{")
    code, _, err = line(f"copy oci:{tmp_path}/l {other.host}/damaged:1")
    assert code in (2, 3) and "error[bad-layout]" in err
    assert line(f"tags {other.host}/damaged")[0] == 3


def test_what_the_source_lies_about_is_not_kept(server: RegistryServer, line: Line, tmp_path: Path) -> None:
    make(server.host, "team/lies")
    with faulty_proxy(server.host) as proxy:
        proxy.add(method="GET", path="/blobs/", corrupt=True, times=99)
        code, _, err = line(f"copy {proxy.host}/team/lies:1 oci:{tmp_path}/lies")
    assert code == 3 and "error[registry-content]" in err
    assert not list((tmp_path / "lies/blobs/sha256").iterdir())
    assert not (tmp_path / "lies/index.json").exists()


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("r.io/a:1", "registry", "r.io/a:1"),
        ("docker://r.io/a", "registry", "r.io/a"),
        ("oci:out", "oci", "oci:out"),
        ("oci:out:v1", "oci", "oci:out:v1"),
        ("oci:/a:b/c", "oci", "oci:/a:b/c"),
        (f"oci:out@sha256:{'a' * 64}", "oci", f"oci:out@sha256:{'a' * 64}"),
        ("./out", "oci", "oci:out"),
        ("../x.tar:1", "oci-archive", "oci-archive:../x.tar:1"),
        ("oci-archive:x:1", "oci-archive", "oci-archive:x:1"),
    ],
)
def test_places(text: str, kind: str, told: str) -> None:
    assert (place_of(text).kind, str(place_of(text))) == (kind, told)


@pytest.mark.parametrize("text", ["oci:", "team/UPPER", "", "a b"])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        place_of(text)
