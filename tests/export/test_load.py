"""--load into a real Docker Engine and into podman's storage."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import pytest
from buildkit_daemon import Daemon
from projects import Project

from bake.app.building import build as bake
from bake.errors import InputError
from bake.events import DiagnosticFound

SPEC = """
[target.app]
tags = ["h.example/app:1", "app"]
attest = ["type=provenance"]
dockerfile-inline = '''
FROM scratch
COPY busybox /bin/busybox
COPY a /a
LABEL v={label}
CMD ["/bin/busybox", "cat", "/a"]
'''
"""


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with Daemon() as running:
        yield running


def project(tmp_path: Path, text: str = SPEC) -> Project:
    made = Project(tmp_path)
    made.add_busybox()
    made.write("a", "hello")
    made.write("bake.toml", text.replace("{label}", "1"))
    return made


def run(made: Project, host: str = "", **changes: Any) -> list[str]:
    """Builds; the messages of what was loaded."""
    options = made.options(**{"load": True, **changes})
    environment = {**options.environment, **({"DOCKER_HOST": host} if host else {})}
    made.events = []
    result = anyio.run(bake, replace(options, environment=environment), made.events.append)
    assert result.errors == ()
    found = (event.diagnostic for event in made.events if isinstance(event, DiagnosticFound))
    return [row.message for row in found if row.code == "loaded"]


def inspect(daemon: Daemon, name: str) -> dict[str, Any]:
    argv = ["docker", "-H", f"unix://{daemon.socket}", "image", "inspect", name]
    (row,) = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)
    return row  # type: ignore[no-any-return]


def test_only_what_the_engine_lacks_is_sent(tmp_path: Path, daemon: Daemon) -> None:
    made, host = project(tmp_path), f"unix://{daemon.socket}"
    (first,) = run(made, host)
    assert "2 of 2 layers sent" in first
    loaded = inspect(daemon, "h.example/app:1")
    assert loaded["Id"] == inspect(daemon, "app:latest")["Id"]
    assert loaded["Config"]["Labels"] == {"v": "1"}
    (second,) = run(made, host)
    assert "0 of 2 layers sent" in second
    made.write("a", "changed")
    (third,) = run(made, host)
    assert "1 of 2 layers sent" in third
    after = inspect(daemon, "app:latest")
    assert after["RootFS"]["Layers"][0] == loaded["RootFS"]["Layers"][0]
    assert after["RootFS"]["Layers"][1] != loaded["RootFS"]["Layers"][1]
    assert saved(daemon, "app:latest")["a"] == b"changed"
    argv = ["docker", "-H", host, "run", "--rm", "--network", "none", "app"]
    assert subprocess.run(argv, capture_output=True, check=True).stdout == b"changed"


def saved(daemon: Daemon, name: str) -> dict[str, bytes]:
    """The files of the top layer, as the engine gives it back."""
    import io
    import tarfile

    argv = ["docker", "-H", f"unix://{daemon.socket}", "save", name]
    with tarfile.open(fileobj=io.BytesIO(subprocess.run(argv, check=True, capture_output=True).stdout)) as tar:
        (manifest,) = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        layer = tar.extractfile(manifest["Layers"][-1])
        with tarfile.open(fileobj=layer) as files:
            return {member.name: files.extractfile(member).read() for member in files if member.isfile()}  # type: ignore[union-attr]


def test_a_context_of_the_docker_command(tmp_path: Path, daemon: Daemon) -> None:
    made = project(tmp_path, SPEC.replace("attest", "output = [{ type = 'docker', context = 'lab' }]\nattest"))
    directory = made.root / ".docker/contexts/meta" / sha256(b"lab").hexdigest()
    directory.mkdir(parents=True)
    meta = {"Name": "lab", "Endpoints": {"docker": {"Host": f"unix://{daemon.socket}"}}}
    (directory / "meta.json").write_text(json.dumps(meta))
    assert len(run(made, load=False)) == 1
    other = project(tmp_path / "other", SPEC.replace("attest", "output = ['type=docker,context=none']\nattest"))
    (error,) = other.build().errors
    assert isinstance(error, InputError)


def test_the_platform_of_the_engine_is_loaded(tmp_path: Path, daemon: Daemon) -> None:
    made = project(tmp_path, SPEC.replace("attest", 'platforms = ["linux/arm64", "linux/amd64"]\nattest'))
    assert len(run(made, f"unix://{daemon.socket}")) == 1
    assert inspect(daemon, "app:latest")["Architecture"] == "amd64"


def test_no_engine_is_told(tmp_path: Path) -> None:
    made = project(tmp_path)
    options = made.options(load=True)
    environment = {**options.environment, "DOCKER_HOST": f"unix://{tmp_path}/none", "PATH": str(tmp_path)}
    result = anyio.run(bake, replace(options, environment=environment), made.events.append)
    (error,) = result.errors
    assert (error.exit_code, error.diagnostics[0].code) == (4, "no-load-engine")


@pytest.mark.parametrize("setting", ["podman", ""])
def test_podmans_storage(tmp_path: Path, setting: str) -> None:
    made = project(tmp_path)
    conf = tmp_path / "storage.conf"
    conf.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/graph"\nrunroot = "{tmp_path}/run"\n', encoding="utf-8"
    )
    options = made.options(load=True)
    more = {"CONTAINERS_STORAGE_CONF": str(conf), "BAKE_LOAD": setting, "DOCKER_HOST": f"unix://{tmp_path}/none"}
    made.events = []
    environment = {**options.environment, **more}
    assert anyio.run(bake, replace(options, environment=environment), made.events.append).errors == ()
    argv = ["podman", "image", "inspect", "h.example/app:1"]
    podman = subprocess.run(argv, env={**os.environ, **more}, capture_output=True, check=True)
    (row,) = json.loads(podman.stdout)
    assert row["Labels"] == {"v": "1"}
    assert len(row["RootFS"]["Layers"]) == 2
    assert set(row["RepoTags"]) == {"h.example/app:1", "docker.io/library/app:latest"}


def test_outputs_of_both_engines_hold_the_same(tmp_path: Path, daemon: Daemon) -> None:
    """Files, statements and the image that is loaded; only the builder's name and times differ."""
    more = 'output = ["type=local,dest=out"]\nattest = ["type=provenance,mode=min", "type=sbom"]'
    text = SPEC.replace('attest = ["type=provenance"]', more)
    found, layers = [], []
    for engine, changes in (("embedded", {}), ("buildkit", {"builders": (daemon.address,), "engine": "buildkit"})):
        made = project(tmp_path / engine, text)
        assert len(run(made, f"unix://{daemon.socket}", **changes)) == 1
        out = made.root / "out"
        paths = [path for path in sorted(out.rglob("*")) if path.is_file()]
        files = {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}
        statement = json.loads(files.pop("provenance.json"))
        packages = json.loads(files.pop("sbom.spdx.json"))["predicate"]["packages"]
        definition = statement["predicate"]["buildDefinition"]
        assert statement["predicate"]["runDetails"]["builder"] == {"id": f"urn:bake:engine:{engine}"}
        found.append((files, definition["resolvedDependencies"], packages))
        layers.append(len(inspect(daemon, "app:latest")["RootFS"]["Layers"]))
    assert found[0] == found[1]
    assert set(found[0][0]) == {"bin/busybox", "a"}
    assert layers == [2, 2]
