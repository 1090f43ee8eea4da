"""What a build on a builder is made into: files, archives, an engine, a registry, several platforms, statements."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import tarfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from buildkit_daemon import Daemon
from projects import statuses
from registry_server import RegistryServer

from bake.app.building import build
from bake.engine.buildkit.address import parse_address
from bake.engine.buildkit.dial import Dialer
from bake.engine.buildkit.docker import DockerApi
from bake.errors import HostError

BASE = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
TARGET = '[target.app]\ncontext = "."\nnetwork = "none"\n'


def built(project: Any, *names: str, **options: Any) -> Any:
    result = project.build(*names, **options)
    assert [d for e in result.errors for d in e.diagnostics] == []
    return result


def load(project: Any, daemon: Daemon) -> None:
    """Builds into the engine."""
    options = project.options(load=True)
    environment = {**options.environment, "DOCKER_HOST": f"unix://{daemon.socket}"}
    result = anyio.run(build, replace(options, environment=environment), lambda _event: None)
    assert [d for e in result.errors for d in e.diagnostics] == []


def index_of(layout: Path) -> Any:
    return json.loads((layout / "index.json").read_text())


def blob(layout: Path, digest: str) -> Any:
    return json.loads((layout / "blobs" / digest.replace(":", "/")).read_text())


def test_files_of_the_image(project: Any) -> None:
    project.write("Dockerfile", f"{BASE}RUN mkdir /d && echo text > /d/f && ln -s f /d/l && chmod 750 /d\n")
    outputs = (
        '{ type = "local", dest = "files" }, { type = "tar", dest = "files.tar" }, { type = "docker", dest = "d.tar" }'
    )
    project.write("bake.toml", f'{TARGET}tags = ["app:1"]\noutput = [{outputs}]\n')
    built(project)
    assert (project.root / "files/d/f").read_text() == "text\n"
    assert (project.root / "files/d/l").readlink() == Path("f")
    with tarfile.open(project.root / "files.tar") as tar:
        assert {"d/f", "d/l", "bin/busybox"} <= {name.removeprefix("./") for name in tar.getnames()}
    with tarfile.open(project.root / "d.tar") as tar:
        assert "manifest.json" in tar.getnames()


@pytest.mark.parametrize("compression", ["zstd", "none", "gzip"])
def test_compressions(project: Any, compression: str) -> None:
    project.write("Dockerfile", f"{BASE}RUN echo {compression} > /c\n")
    name = "uncompressed" if compression == "none" else compression
    row = f'{{ type = "oci", dest = "out", tar = false, compression = "{name}" }}'
    project.write("bake.toml", f"{TARGET}output = [{row}]\n")
    built(project)
    manifest = blob(project.root / "out", index_of(project.root / "out")["manifests"][0]["digest"])
    kinds = {layer["mediaType"].rpartition("layer.v1.")[2] for layer in manifest["layers"]}
    assert kinds == {"tar" if compression == "none" else f"tar+{compression}"}
    checked = subprocess.run(
        ["skopeo", "inspect", f"oci:{project.root}/out"], check=False, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr


def test_into_a_docker_engine(project: Any, daemon: Daemon) -> None:
    project.write("Dockerfile", f"{BASE}RUN echo load\nLABEL a=b\n")
    project.write("bake.toml", f'{TARGET}tags = ["loaded/app:1"]\n')
    load(project, daemon)
    connection = http.client.HTTPConnection("docker")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(daemon.socket))
    connection.request("GET", "/images/json")
    images = json.loads(connection.getresponse().read())
    connection.close()
    assert [image["Labels"] for image in images if "loaded/app:1" in (image["RepoTags"] or [])] == [{"a": "b"}]
    assert [tag for image in images for tag in image["RepoTags"] or () if "passing" in tag] == []


def test_several_platforms_and_statements(project: Any) -> None:
    project.write("Dockerfile", f"{BASE}ARG TARGETPLATFORM\nRUN echo $TARGETPLATFORM > /platform\n")
    row = '{ type = "oci", dest = "out", tar = false }'
    project.write(
        "bake.toml",
        f'{TARGET}platforms = ["linux/amd64", "linux/386"]\noutput = [{row}]\nattest = [{{ type = "provenance" }}]\n',
    )
    result = built(project)
    assert set(result.report.targets["app"].platforms) == {"linux/amd64", "linux/386"}
    top = index_of(project.root / "out")
    index = blob(project.root / "out", top["manifests"][0]["digest"])
    kinds = [(row["platform"]["os"], row["platform"]["architecture"]) for row in index["manifests"]]
    assert kinds == [("linux", "amd64"), ("linux", "386"), ("unknown", "unknown"), ("unknown", "unknown")]
    runs = {step.platform for step in result.report.steps if step.instruction.startswith("RUN echo")}
    assert runs == {"linux/amd64", "linux/386"}


def test_an_image_for_a_platform_that_the_builder_cannot_run(project: Any) -> None:
    """What it holds is made elsewhere, and copied."""
    crossed = "FROM --platform=$BUILDPLATFORM base AS made\nARG TARGETARCH\nRUN echo for $TARGETARCH > /program\n"
    project.write("Dockerfile", f"{BASE.replace('scratch', '--platform=$BUILDPLATFORM scratch AS base')}{crossed}"
                  "FROM scratch\nCOPY --from=made /program /program\n")  # fmt: skip
    project.write("bake.toml", f'{TARGET}platforms = ["linux/s390x"]\noutput = [{{ type = "local", dest = "out" }}]\n')
    built(project)
    assert (project.root / "out/program").read_text() == "for s390x\n"
    project.write("Dockerfile", f"{BASE}RUN true\n")
    with pytest.raises(HostError, match="no builder for linux/s390x"):
        project.build()


def test_a_date_of_its_own(project: Any) -> None:
    project.write("Dockerfile", f"{BASE}WORKDIR /new/dir\nRUN echo dated > /f\n")
    row = '{ type = "oci", dest = "out", tar = false }'
    project.write("bake.toml", f'{TARGET}args.SOURCE_DATE_EPOCH = "1000000000"\noutput = [{row}]\n')
    built(project)
    manifest = blob(project.root / "out", index_of(project.root / "out")["manifests"][0]["digest"])
    config = blob(project.root / "out", manifest["config"]["digest"])
    assert config["created"].startswith("2001-09-09T01:46:40")
    assert {row["created"][:19] for row in config["history"]} == {"2001-09-09T01:46:40"}
    for layer in manifest["layers"]:
        with tarfile.open(project.root / "out/blobs" / layer["digest"].replace(":", "/")) as tar:
            assert [member.name for member in tar if member.mtime > 1_000_000_000] == []


def test_all_tags_or_none(project: Any, server: RegistryServer) -> None:
    project.write("Dockerfile", f"{BASE}ARG N\nRUN echo tags $N; test $N != 2\n")
    rows = (
        f'[target.t{n}]\ncontext = "."\nnetwork = "none"\nargs.N = "{n}"\ntags = ["{server.host}/all/t{n}:1"]\n'
        for n in (1, 2, 3)
    )
    project.write("bake.toml", "".join(rows))
    failed = project.build("all", push=True, keep_going=True)
    assert failed.report.exit_code == 1
    assert not (server.storage / "docker/registry/v2/repositories/all/t1/_manifests/tags").exists()
    project.write("Dockerfile", f"{BASE}ARG N\nRUN echo tags $N\n")
    done = built(project, "all", push=True)
    assert [t.published for t in done.report.targets.values()] == [True] * 3
    again = built(project, "all", push=True, builders=("docker:///nowhere/docker.sock",))
    assert set(statuses(again.report.steps).values()) == {"cached"}
    assert again.report.transfers.pushed_bytes == 0


def test_a_failing_test_stops_publication(project: Any, server: RegistryServer) -> None:
    project.write("Dockerfile", f"{BASE}RUN echo tested\n")
    project.write("bake.toml", f'{TARGET}tags = ["{server.host}/tested:1"]\ntest = [["sh", "-c", "exit 9"]]\n')
    result = project.build(push=True)
    assert (result.report.exit_code, result.report.targets["app"].published) == (1, False)
    assert not (server.storage / "docker/registry/v2/repositories/tested").exists()


def test_targets_after_others(project: Any) -> None:
    project.write("Dockerfile", f"{BASE}ARG N\nRUN sleep 0.$N; echo ran $N\n")
    project.write(
        "bake.toml",
        '[target.last]\ncontext = "."\nnetwork = "none"\nargs.N = "1"\nafter = ["first"]\n'
        '[target.first]\ncontext = "."\nnetwork = "none"\nargs.N = "5"\n',
    )
    result = built(project, "last", "first")
    rows = {step.targets[0]: step for step in result.report.steps if step.instruction.startswith("RUN sleep")}
    assert rows["last"].started_s >= rows["first"].started_s + 0.5


def test_run_fetches_what_it_runs(project: Any) -> None:
    from bake.app.running import run

    project.write("Dockerfile", f"{BASE}RUN echo fetched > /file\n")
    project.write("bake.toml", TARGET)
    built(project)
    code = anyio.run(
        lambda: run(project.options(), "app", ["sh", "-c", "test -s /file && exit 7"], lambda _event: None)
    )
    assert code == 7


def test_the_store_with_layers_made_elsewhere(project: Any) -> None:
    """They are sound, are pruned with their image, and are made again."""
    from bake.store import open_store
    from bake.store.candidates import Keep
    from bake.store.prune import Limits

    project.write("Dockerfile", f"{BASE}RUN echo kept > /kept\n")
    project.write("bake.toml", TARGET)
    built(project, fetch=True)
    with_all = open_store(project.store)
    assert with_all.verify(deep=True) == []
    assert len(list((project.store / "oci/blobs/sha256").iterdir())) == 3
    with_all.prune(Limits(), Keep(lambda _slot: False))
    assert with_all.verify(deep=True) == []
    with_all.close()
    assert list((project.store / "oci/blobs/sha256").iterdir()) == []
    again = built(project, fetch=True)
    assert set(statuses(again.report.steps).values()) == {"cached"}
    assert len(list((project.store / "oci/blobs/sha256").iterdir())) == 3


def test_images_of_the_same_layers_do_not_get_in_each_others_way(project: Any) -> None:
    project.write("Dockerfile", f"{BASE}ARG N\nENV N=$N\n")
    rows = (f'[target.t{n}]\ncontext = "."\nnetwork = "none"\nargs.N = "{n}"\n' for n in range(40))
    project.write("bake.toml", "".join(rows))
    result = built(project, "all", fetch=True)
    assert {t.status for t in result.report.targets.values()} == {"built"}


def api_of(daemon: Daemon) -> DockerApi:
    return DockerApi(Dialer(parse_address(daemon.address, {})))


def names_passing(daemon: Daemon) -> list[str]:
    """Names in the engine under which bake takes images out of it."""
    with api_of(daemon)._request("GET", "/images/json?all=1") as answer:
        images = json.loads(answer.read())
    return [tag for image in images for tag in image["RepoTags"] or () if "passing" in tag]


def test_an_image_that_is_deleted_on_its_way_is_made_again(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the old engine does to an image when its twin's last name is taken away at the same time."""
    project.write("Dockerfile", f"{BASE}RUN echo deleted on its way\n")
    project.write("bake.toml", TARGET)
    real, asked = DockerApi.layers, []

    def layers(api: DockerApi, name: str) -> tuple[str, ...]:
        asked.append(name)
        if len(asked) == 1:
            api.drop(name)
        return real(api, name)

    monkeypatch.setattr(DockerApi, "layers", layers)
    result = built(project, fetch=True)
    assert len(set(asked)) == 2
    told = [row for row in result.report.diagnostics if row.code == "trying-again"]
    assert len(told) == 1 and "No such image" in told[0].message


def test_no_name_goes_while_an_image_is_on_its_way(
    project: Any, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("Dockerfile", f"{BASE}RUN echo twins\n")
    rows = (f'[target.t{n}]\ncontext = "."\nnetwork = "none"\nlabels.n = "{n}"\n' for n in range(12))
    project.write("bake.toml", "".join(rows))
    under_way, met = set[str](), []
    exported, dropped = DockerApi.layers, DockerApi.drop

    def layers(api: DockerApi, name: str) -> tuple[str, ...]:
        under_way.add(name)
        try:
            return exported(api, name)
        finally:
            under_way.discard(name)

    def drop(api: DockerApi, name: str) -> None:
        met.append(set(under_way))
        dropped(api, name)

    monkeypatch.setattr(DockerApi, "layers", layers)
    monkeypatch.setattr(DockerApi, "drop", drop)
    built(project, "all", fetch=True)
    assert met == [set()] * 12
    assert names_passing(daemon) == []


def test_names_that_a_killed_run_left_go(project: Any, daemon: Daemon) -> None:
    """Those of a run that may still be under way stay, as does what is not ours."""
    project.write("Dockerfile", f"{BASE}RUN echo left behind\n")
    now = int(time.time())
    old, fresh = (f"bake-passing-{now - hours * 3600:x}-{'0' * 32}:1" for hours in (25, 23))
    foreign = "bake-passing-by/on:foot"
    rows = f'{TARGET}tags = ["{old}", "{fresh}", "{foreign}"]\n'
    project.write("bake.toml", rows)
    load(project, daemon)
    assert {old, fresh, foreign} <= set(names_passing(daemon))
    project.write("Dockerfile", f"{BASE}RUN echo another\n")
    project.write("bake.toml", TARGET)
    built(project, fetch=True)
    assert sorted(names_passing(daemon)) == sorted([fresh, foreign])
    api = api_of(daemon)
    for name in (fresh, foreign):
        api.drop(name)
