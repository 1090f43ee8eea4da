"""`bake inspect` and `bake diff` on what is built here, in a registry, in a layout and in an archive."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from published_index import make
from registry_server import RegistryServer

from bake.oci import media_types as mt
from bake.oci.digest import Digest, sha256
from bake.oci.model import Descriptor, Manifest, encode
from bake.registry.client import Registry
from bake.registry.hosts import Hosts
from bake.registry.referrers import Referrer, push_referrer

Line = Callable[[str], tuple[int, str, str]]
SPEC = '''
[target.one]
tags = ["{host}/one:1"]
labels = {{ a = "1", gone = "x" }}
dockerfile-inline = """
FROM scratch
COPY root /
COPY data /data
ENV MODE=fast
CMD ["sh"]
"""

[target.two]
tags = ["{host}/two:1"]
labels = {{ a = "2" }}
dockerfile-inline = """
FROM scratch
COPY root /
COPY --chmod=600 data/changed data/same /data/
RUN echo more >/new; echo; cd /bin; chmod 700 busybox
ENV MODE=slow
CMD ["sh"]
"""
'''


@pytest.fixture
def built(line: Line, server: RegistryServer) -> Line:
    Path("bake.toml").write_text(SPEC.format(host=server.host))
    Path("root/bin/chmod").symlink_to("busybox")
    Path("data").mkdir()
    for name in ("same", "changed", "removed"):
        (Path("data") / name).write_text(name)
    assert line("one two --push")[0] == 0
    return line


def test_inspect_an_index(server: RegistryServer, line: Line, tmp_path: Path) -> None:
    made = make(server.host, "team/indexed")
    reference = f"{server.host}/team/indexed:1"
    found = json.loads(line(f"inspect {reference} --json")[1])
    assert found["digest"] == made.digest
    assert {name: row["digest"] for name, row in found["platforms"].items()} == {
        f"linux/{arch}": digest for arch, digest in made.platforms.items()
    }
    (statement,) = found["attestations"]
    assert statement["platform"] == "linux/amd64"
    assert statement["predicates"] == ["https://slsa.dev/provenance/v1"]
    text = line(f"inspect {reference}")[1]
    assert "linux/arm64" in text and "linux/amd64: https://slsa.dev/provenance/v1" in text
    only = json.loads(line(f"inspect {reference} --platform arm64 --json")[1])
    assert list(only["platforms"]) == ["linux/arm64"]
    code, _, err = line(f"inspect {reference} --platform linux/riscv64")
    assert code == 2 and "no-such-platform" in err
    assert sha256(line(f"inspect {reference} --raw")[1].encode()) == made.digest
    assert line(f"copy {reference} oci:{tmp_path}/l")[0] == 0
    laid = json.loads(line(f"inspect oci:{tmp_path}/l --json")[1])
    assert laid["platforms"] == found["platforms"]
    assert sha256(line(f"inspect oci:{tmp_path}/l:1 --raw")[1].encode()) == made.digest


def test_inspect_lists_what_refers_to_an_image(server: RegistryServer, line: Line, tmp_path: Path) -> None:
    made = make(server.host, "team/signed")
    subject = Descriptor(mt.OCI_INDEX, Digest(made.digest), len(made.documents[made.digest]))
    (tmp_path / "empty").write_bytes(b"{}")
    empty = Descriptor(mt.OCI_EMPTY, sha256(b"{}"), 2)
    signature = Referrer(encode(Manifest(empty, (empty,), artifact_type="test/signature", subject=subject)))

    async def sign() -> None:
        async with Registry(Hosts(), ()) as client:
            await client.push_blob(f"{server.host}/team/signed", empty, tmp_path / "empty")
            await push_referrer(client, f"{server.host}/team/signed", signature)

    anyio.run(sign)
    found = json.loads(line(f"inspect {server.host}/team/signed:1 --json")[1])
    assert [(row["subject"], row["artifact_type"]) for row in found["referrers"]] == [(made.digest, "test/signature")]
    assert "test/signature" in line(f"inspect {server.host}/team/signed:1")[1]


def test_inspect_tells_the_step_of_each_layer(built: Line, server: RegistryServer) -> None:
    for name in ("two", f"{server.host}/two:1", "two --remote"):
        (image,) = json.loads(built(f"inspect {name} --json")[1])["platforms"].values()
        steps = [layer["created_by"] for layer in image["layers"]]
        assert steps[0].startswith("COPY root /") and steps[2].startswith("RUN ")
        assert all(layer["size"] > 0 and layer["digest"].startswith("sha256:") for layer in image["layers"])


def kinds(found: dict) -> dict[str, tuple[str, int]]:  # type: ignore[type-arg]
    return {row["path"]: (row["kind"], row["layer"]) for row in found["files"]}


EXPECTED = {
    "bin/busybox": ("changed", 3),
    "data": ("changed", 2),
    "dev": ("added", 3),
    "proc": ("added", 3),
    "sys": ("added", 3),
    "data/changed": ("changed", 2),
    "data/removed": ("removed", 2),
    "data/same": ("changed", 2),
    "new": ("added", 3),
}


@pytest.mark.parametrize("places", ["built", "registry", "mixed", "layout"])
def test_diff(built: Line, server: RegistryServer, tmp_path: Path, places: str) -> None:
    one, two = {
        "built": ("one", "two"),
        "registry": (f"{server.host}/one:1", f"{server.host}/two:1"),
        "mixed": ("one", f"{server.host}/two:1"),
        "layout": (f"oci:{tmp_path}/l:1", f"oci-archive:{tmp_path}/x.tar:1"),
    }[places]
    if places == "layout":
        assert built(f"copy {server.host}/one:1 {one}")[0] == built(f"copy {server.host}/two:1 {two}")[0] == 0
    code, out, _ = built(f"diff {one} {two} --json")
    found = json.loads(out)
    assert code == 0
    assert kinds(found) == EXPECTED
    assert found["shared_layers"] == 1
    assert {row["path"]: row.get("aspects") for row in found["files"] if row["path"] == "data/same"} == {
        "data/same": ["mode 644 → 600"]
    }
    assert {(row["name"], str(row["before"]), str(row["after"])) for row in found["config"]} == {
        ("ENV MODE", "fast", "slow"),
        ("LABEL a", "1", "2"),
        ("LABEL gone", "x", "None"),
    }
    text = built(f"diff {one} {two}")[1]
    assert "  + new  (5 B)" in text and "  - data/removed  (7 B)" in text
    assert "layer 3  RUN /bin/sh -c echo more" in text
    assert "files: 4 added, 4 changed, 1 removed" in text


def test_no_difference(built: Line, server: RegistryServer) -> None:
    code, out, _ = built(f"diff one {server.host}/one:1")
    assert code == 0 and "no difference in files or config" in out


def test_what_cannot_be_compared(built: Line, server: RegistryServer) -> None:
    code, _, err = built("diff all one")
    assert code == 2 and "several-images" in err
    code, _, err = built(f"diff one {server.host}/none:1")
    assert code == 3
    code, _, err = built("diff one two --platform linux/riscv64")
    assert code == 2 and "no-such-platform" in err
