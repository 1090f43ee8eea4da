"""Attestations: the layout that readers expect, the digests that bind it, nothing secret, the same every time."""

from __future__ import annotations

import json
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from projects import Project
from registry_server import registry

from bake import __version__
from bake.app.publishing import push
from bake.errors import InputError

INDEX = "application/vnd.oci.image.index.v1+json"
SPEC = """
[variable]
TOKEN = {{ default = "canary-token", sensitive = true }}

[target.app]
tags = ["{host}/app:1"]
platforms = {platforms}
args = {{ WHO = "world", AUTH = "${{TOKEN}}" }}
labels = {{ l = "with ${{TOKEN}}" }}
secret = [{{ id = "pip", src = "secret" }}]
attest = [{attest}]
output = [{output}]
dockerfile-inline = '''
FROM scratch AS base
COPY root /
FROM base
ARG WHO
ARG AUTH
COPY a /a-$WHO
'''
"""
BOTH = '"type=provenance,mode=max", { type = "sbom" }'
AMD = '["linux/amd64"]'
LAYOUT = '{ type = "oci", dest = "out", tar = false }'
STATUS = "Package: libc6\nStatus: install ok installed\nVersion: 2.36-9\nArchitecture: amd64\n"


def project(
    tmp_path: Path,
    attest: str = BOTH,
    output: str = LAYOUT,
    platforms: str = '["linux/amd64"]',
    host: str = "h.example",
) -> Project:
    made = Project(tmp_path)
    made.write("bake.toml", SPEC.format(attest=attest, output=output, platforms=platforms, host=host))
    made.write("a", "hello")
    made.write("secret", "canary-secret")
    made.write("root/var/lib/dpkg/status", STATUS)
    made.write("root/etc/os-release", "ID=debian\nVERSION_ID=12\n")
    package = Path(msgspec.__file__).parents[1] / f"msgspec-{msgspec.__version__}.dist-info/METADATA"
    made.write("root/usr/lib/python3/msgspec.dist-info/METADATA", package.read_text())
    return made


def build(made: Project, **changes: object) -> Any:
    result = made.build(**changes)
    assert result.errors == ()
    return result.report.targets["app"]


class Layout:
    """An OCI layout as a reader sees it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (entry,) = json.loads((directory / "index.json").read_text())["manifests"]
        self.root = entry
        self.index = self.json(entry)

    def json(self, descriptor: dict[str, Any]) -> Any:
        data = (self.directory / "blobs/sha256" / descriptor["digest"][7:]).read_bytes()
        assert sha256(data).hexdigest() == descriptor["digest"][7:]
        assert len(data) == descriptor["size"]
        return json.loads(data)

    def images(self) -> list[dict[str, Any]]:
        return [row for row in self.index["manifests"] if row["platform"]["os"] != "unknown"]

    def attested(self) -> list[dict[str, Any]]:
        return [row for row in self.index["manifests"] if row["platform"]["os"] == "unknown"]

    def statements(self, number: int = 0) -> dict[str, Any]:
        """Predicate type → statement."""
        layers = self.json(self.attested()[number])["layers"]
        return {layer["annotations"]["in-toto.io/predicate-type"]: self.json(layer) for layer in layers}


def test_the_layout(tmp_path: Path) -> None:
    made = project(tmp_path, platforms='["linux/amd64", "linux/arm64"]')
    report = build(made)
    layout = Layout(made.root / "out")
    assert layout.root["mediaType"] == layout.index["mediaType"] == INDEX
    assert [row["platform"]["architecture"] for row in layout.images()] == ["amd64", "arm64"]
    assert [row["digest"] for row in layout.images()] == list(report.platforms.values())
    for image, entry in zip(layout.images(), layout.attested(), strict=True):
        assert entry["platform"] == {"architecture": "unknown", "os": "unknown"}
        assert entry["annotations"] == {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": image["digest"],
        }
        manifest = layout.json(entry)
        assert manifest["artifactType"] == "application/vnd.docker.attestation.manifest.v1+json"
        assert manifest["subject"] == {key: image[key] for key in ("mediaType", "digest", "size")}
        assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
        assert layout.json(manifest["config"]) == {}
        assert {layer["mediaType"] for layer in manifest["layers"]} == {"application/vnd.in-toto+json"}
        for layer in manifest["layers"]:
            statement = layout.json(layer)
            assert statement["_type"] == "https://in-toto.io/Statement/v1"
            assert statement["predicateType"] == layer["annotations"]["in-toto.io/predicate-type"]
            (subject,) = statement["subject"]
            assert subject["digest"] == {"sha256": image["digest"][7:]}
            assert subject["name"].startswith("pkg:docker/h.example/app@1?platform=linux%2F")


def test_the_older_layout_looks_like_an_image(tmp_path: Path) -> None:
    made = project(tmp_path, output='{ type = "oci", dest = "out", tar = false, oci-artifact = false }')
    build(made)
    layout = Layout(made.root / "out")
    manifest = layout.json(layout.attested()[0])
    assert "artifactType" not in manifest and "subject" not in manifest
    config = layout.json(manifest["config"])
    assert (config["architecture"], config["os"]) == ("unknown", "unknown")
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]


def test_provenance_says_what_it_was_made_from(tmp_path: Path) -> None:
    made = project(tmp_path)
    build(made)
    predicate = Layout(made.root / "out").statements()["https://slsa.dev/provenance/v1"]["predicate"]
    definition = predicate["buildDefinition"]
    request = definition["externalParameters"]["request"]
    assert request["args"] == {"WHO": "world", "AUTH": "****"}
    assert request["secrets"] == [{"id": "pip"}]
    (context,) = definition["resolvedDependencies"]
    assert context["name"] == "context:."
    assert len(context["digest"]["bakeTree"]) == 64
    steps = definition["internalParameters"]["buildConfig"]["steps"]
    assert "COPY a /a-$WHO" in {step.get("instruction") for step in steps}
    assert predicate["runDetails"]["builder"]["id"] == "urn:bake:engine:embedded"
    made.write("a", "changed")
    build(made)
    after = Layout(made.root / "out").statements()["https://slsa.dev/provenance/v1"]["predicate"]
    assert after["buildDefinition"]["resolvedDependencies"] != definition["resolvedDependencies"]


def test_nothing_secret_is_in_it(tmp_path: Path) -> None:
    made = project(tmp_path)
    build(made)
    layout = Layout(made.root / "out")
    text = json.dumps(layout.statements())
    assert "canary" not in text
    assert str(made.root) not in text


def test_mode_min_tells_less(tmp_path: Path) -> None:
    made = project(tmp_path, attest='"type=provenance,mode=min"')
    build(made)
    (statement,) = Layout(made.root / "out").statements().values()
    definition = statement["predicate"]["buildDefinition"]
    assert set(definition["externalParameters"]["request"]) == {"target", "platform", "contexts"}
    assert definition["internalParameters"] == {}
    assert statement["predicate"]["runDetails"]["metadata"]["bake_completeness"]["request"] is False


def test_version_0_2(tmp_path: Path) -> None:
    made = project(tmp_path, attest='"type=provenance,version=v0.2,builder-id=urn:ci"')
    build(made)
    ((kind, statement),) = Layout(made.root / "out").statements().items()
    assert kind == "https://slsa.dev/provenance/v0.2"
    assert statement["predicate"]["builder"] == {"id": "urn:ci"}
    assert statement["predicate"]["invocation"]["environment"] == {"platform": "linux/amd64"}


def test_the_packages_are_in_the_sbom(tmp_path: Path) -> None:
    made = project(tmp_path)
    build(made)
    document = Layout(made.root / "out").statements()["https://spdx.dev/Document"]["predicate"]
    assert (document["spdxVersion"], document["dataLicense"]) == ("SPDX-2.3", "CC0-1.0")
    assert document["creationInfo"]["creators"] == [f"Tool: bake-{__version__}"]
    ids = [package["SPDXID"] for package in document["packages"]]
    assert len(set(ids)) == len(ids) == 3
    purls = {ref["referenceLocator"] for row in document["packages"] for ref in row.get("externalRefs", ())}
    assert purls == {
        "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12",
        f"pkg:pypi/msgspec@{msgspec.__version__}",
    }
    related = {row["relatedSpdxElement"] for row in document["relationships"]}
    assert related == set(ids)


def test_again_it_is_the_same(tmp_path: Path) -> None:
    made = project(tmp_path, platforms='["linux/amd64", "linux/arm64"]')
    first = build(made)
    second = build(made)
    assert (second.digest, second.status) == (first.digest, "unchanged")


def test_files_go_beside_plain_files(tmp_path: Path) -> None:
    output = '"type=local,dest=one", "type=tar,dest=one.tar"'
    made = project(tmp_path, output=output, platforms='["linux/amd64", "linux/arm64"]')
    build(made)
    for platform in ("linux_amd64", "linux_arm64"):
        statement = json.loads((made.root / "one" / platform / "provenance.json").read_text())
        assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
        assert (made.root / "one" / platform / "sbom.spdx.json").is_file()
    names = subprocess.run(["tar", "tf", "one.tar"], cwd=made.root, capture_output=True, text=True, check=True).stdout
    assert "linux_arm64/provenance.json\n" in names


def test_provenance_may_go_with_images_only(tmp_path: Path) -> None:
    attest = '"type=provenance,inline-only=true", "type=sbom"'
    made = project(tmp_path, attest=attest, output=f'"type=local,dest=files", {LAYOUT}')
    build(made)
    assert (made.root / "files/sbom.spdx.json").is_file()
    assert not (made.root / "files/provenance.json").exists()
    assert len(Layout(made.root / "out").statements()) == 2


def test_flags(tmp_path: Path) -> None:
    made = project(tmp_path, attest="")
    build(made)
    assert json.loads((made.root / "out/index.json").read_text())["manifests"][0]["mediaType"] != INDEX
    build(made, provenance="mode=min", sbom="true")
    assert set(Layout(made.root / "out").statements()) == {
        "https://slsa.dev/provenance/v1",
        "https://spdx.dev/Document",
    }
    build(made, provenance="true", sbom="false")
    (statement,) = Layout(made.root / "out").statements().values()
    assert "args" in statement["predicate"]["buildDefinition"]["externalParameters"]["request"]
    with pytest.raises(InputError, match="not known"):
        made.build(provenance="mode=most")


def test_what_cannot_be_is_refused_at_its_place(tmp_path: Path) -> None:
    made = project(tmp_path, attest='"type=sbom,generator=scanner"')
    with pytest.raises(InputError, match="generator") as caught:
        made.build()
    assert caught.value.diagnostics[0].span is not None
    made = project(tmp_path / "docker", output='{ type = "oci", dest = "x", media-types = "docker" }')
    with pytest.raises(InputError, match="no attestations"):
        made.build()


def test_a_registry_takes_it_and_skopeo_reads_it(tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as server:
        made = project(tmp_path, output="", platforms='["linux/amd64", "linux/arm64"]', host=server.host)
        report = build(made, push=True)
        assert report.published
        source = f"docker://{server.host}/app:1"
        argv = ["skopeo", "inspect", "--tls-verify=false", "--raw", source]
        raw = subprocess.run(argv, capture_output=True, check=True)
        assert f"sha256:{sha256(raw.stdout).hexdigest()}" == report.digest
        assert len(json.loads(raw.stdout)["manifests"]) == 4
        copied = f"oci:{tmp_path}/copied:1"
        argv = ["skopeo", "copy", "--src-tls-verify=false", "--override-arch", "arm64", source, copied]
        subprocess.run(argv, check=True, capture_output=True)
        sent = build(made, push=True)
        assert (sent.digest, sent.status) == (report.digest, "unchanged")


def test_what_was_built_is_pushed_later_with_the_same_statements(tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as server:
        made = project(tmp_path, host=server.host)
        report = build(made)
        pushed = anyio.run(push, made.options(), made.events.append)
        assert pushed.errors == ()
        assert pushed.report.targets["app"].digest == report.digest
        other = project(tmp_path / "other", attest="", host=server.host)
        build(other)
        other.write("bake.toml", (made.root / "bake.toml").read_text())
        (error,) = anyio.run(push, other.options(), other.events.append).errors
        assert error.diagnostics[0].code == "not-built"
