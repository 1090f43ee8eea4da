"""Contexts that are no directory of this host, each built for real: git, URLs, archives, OCI layouts."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import anyio
import pytest
from git_server import TIME, Repository, daemon, serving
from projects import Project, statuses
from toml_values import toml

from bake.app.locking import lock
from bake.errors import BakeError, InputError

COPY_ALL = "FROM scratch\nCOPY . /all/\n"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def git(tmp_path: Path) -> Iterator[tuple[str, Repository]]:
    repository = Repository(tmp_path / "served/a.git")
    with daemon(tmp_path / "served") as url:
        yield f"{url}/a.git", repository


@pytest.fixture
def web() -> Iterator[tuple[str, dict[str, bytes]]]:
    files: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = files.get(self.path)
            self.send_response(404 if data is None else 200)
            self.send_header("Last-Modified", "Sun, 13 Sep 2020 12:26:40 GMT")
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with serving(Handler) as url:
        yield url, files


def spec(project: Project, dockerfile: str = "", /, **keys: object) -> None:
    text = f"dockerfile-inline = '''\n{dockerfile}\n'''\n" if dockerfile else ""
    rows = "".join(f"{key.replace('_', '-')} = {toml(value)}\n" for key, value in keys.items())
    project.write("bake.toml", f"[target.app]\n{text}{rows}output = [{{ type = 'oci', dest = 'out', tar = false }}]\n")


def built(project: Project, **changes: object) -> Mapping[str, Any]:
    """Builds, and reads what came of it: `files` path → text, `config`."""
    result = project.build(**changes)
    if result.errors:
        raise result.errors[0]
    layout = project.root / "out"

    def blob(row: Mapping[str, str]) -> bytes:
        return (layout / "blobs" / row["digest"].replace(":", "/")).read_bytes()

    manifest = json.loads(blob(json.loads((layout / "index.json").read_text())["manifests"][0]))
    files: dict[str, Any] = {}
    for layer in manifest["layers"]:
        with tarfile.open(fileobj=io.BytesIO(blob(layer))) as archive:
            for member in archive:
                data = archive.extractfile(member) if member.isreg() else None
                files[member.name] = data.read().decode("utf-8", "replace") if data else member.type.decode()
    return {"files": {k: v for k, v in files.items() if v != "5"}, "config": json.loads(blob(manifest["config"]))}


def archive(files: Mapping[str, str], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:  # type: ignore[call-overload]
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uid = len(text), TIME, 7
            if text.startswith("-> "):
                info.type, info.linkname, info.size = tarfile.SYMTYPE, text[3:], 0
            tar.addfile(info, io.BytesIO(text.encode()[: info.size]))
    return out.getvalue()


# Git


def test_the_main_context_is_a_git_repository(project: Project, git: tuple[str, Repository]) -> None:
    url, repository = git
    repository.commit({"Dockerfile": COPY_ALL, "a": "1", ".dockerignore": "a\n"})
    spec(project, context=f"{url}#main")
    assert built(project)["files"] == {"all/Dockerfile": COPY_ALL, "all/a": "1", "all/.dockerignore": "a\n"}
    repository.commit({"a": "2"})
    assert built(project)["files"]["all/a"] == "2"
    assert set(statuses(project.build().report.steps).values()) == {"cached"}


def test_a_dockerfile_in_a_directory_of_it(project: Project, git: tuple[str, Repository]) -> None:
    url, repository = git
    repository.commit({"sub/docker/Dockerfile": COPY_ALL, "sub/a": "1", "outside": "x"})
    spec(project, context=f"{url}#main:sub", dockerfile="docker/Dockerfile")
    assert built(project)["files"] == {"all/docker/Dockerfile": COPY_ALL, "all/a": "1"}


def test_a_dockerfile_that_links_out_of_the_repository_is_none(
    project: Project, git: tuple[str, Repository], tmp_path: Path
) -> None:
    (tmp_path / "Secret").write_text(COPY_ALL)
    url, repository = git
    repository.commit({"Dockerfile": f"-> {tmp_path}/Secret", "In": COPY_ALL, "Linked": "-> In"})
    spec(project, context=url)
    with pytest.raises(InputError, match="there is no Dockerfile"):
        project.build()
    spec(project, context=url, dockerfile="Linked")
    assert built(project)["files"]["all/In"] == COPY_ALL


def test_add_of_a_git_url_in_both_forms(project: Project, git: tuple[str, Repository]) -> None:
    url, repository = git
    first = repository.commit({"f": "1", "sub/g": "2"})
    repository.commit({"f": "new"})
    text = f"FROM scratch\nADD {url}#{first}:sub /one/\nADD {url}?branch=main /two\n"
    text += f"ADD --checksum={first} {url} /three/\nADD --keep-git-dir=true {url}#main /four/"
    spec(project, text)
    files = built(project)["files"]
    assert {name: text for name, text in files.items() if not name.startswith("four/.git")} == {
        "one/g": "2", "two/f": "new", "two/sub/g": "2", "three/f": "1", "three/sub/g": "2",
        "four/f": "new", "four/sub/g": "2",
    }  # fmt: skip
    assert files["four/.git/HEAD"] == "ref: refs/heads/main\n"
    assert set(statuses(project.build().report.steps).values()) == {"cached"}


def test_a_commit_that_changes_nothing_that_is_read_leaves_the_step_cached(
    project: Project, git: tuple[str, Repository]
) -> None:
    url, repository = git
    repository.commit({"f": "1", "sub/g": "2"})
    spec(project, f"FROM scratch\nADD {url}#main:sub /sub/")
    built(project)
    repository.commit({"f": "2"})
    assert set(statuses(project.build().report.steps).values()) == {"cached"}


@pytest.mark.parametrize(
    ("instruction", "code"),
    [
        ("ADD {url}?colour=red /x", "bad-git-url"),
        ("ADD --keep-git-dir=false {url}?keep-git-dir=true /x", "bad-git-url"),
        ("COPY {url} /x", "copy-remote"),
        ("ADD --checksum=abcd1234 {url} {url} /x/", "bad-checksum"),
        ("ADD --checksum=abcd1234 {url} /x", "digest-mismatch"),
        ("ADD {url}#none /x", "no-git-ref"),
    ],
)
def test_what_is_wrong_with_a_git_source(
    project: Project, git: tuple[str, Repository], instruction: str, code: str
) -> None:
    url, repository = git
    repository.commit({"f": "1"})
    spec(project, f"FROM scratch\n{instruction.format(url=url)}")
    with pytest.raises(BakeError) as caught:
        built(project)
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == [code]


def test_named_contexts_from_git_to_copy_from_to_mount_and_to_build_on(
    project: Project, git: tuple[str, Repository]
) -> None:
    url, repository = git
    repository.commit({"f": "1", "sub/g": "2"})
    project.add_busybox()
    text = "FROM src AS x\nCOPY --from=tools busybox /bin/busybox\n"
    text += 'RUN --mount=from=src,target=/m ["/bin/busybox", "cp", "/m/sub/g", "/copied"]\nCOPY --from=src f /again'
    spec(project, text, contexts={"src": url, "tools": "."})
    found = built(project)
    assert {k: v for k, v in found["files"].items() if "busybox" not in k} == {
        "f": "1", "sub/g": "2", "copied": "2", "again": "1",
    }  # fmt: skip
    assert len(found["config"]["history"]) == len(found["config"]["rootfs"]["diff_ids"]) == 4
    assert found["config"]["config"]["WorkingDir"] == "/"


def test_the_epoch_of_a_git_context(project: Project, git: tuple[str, Repository]) -> None:
    url, repository = git
    repository.commit({"Dockerfile": COPY_ALL, "a": "1"})
    for keys in ({"context": url}, {"context": url, "contexts": {"src": url}}):
        name = "src" if "contexts" in keys else "context"
        spec(project, args={"SOURCE_DATE_EPOCH": name}, **keys)
        assert built(project)["config"]["created"] == "2020-09-13T12:26:40Z"


def test_a_stage_replaced_by_a_directory(project: Project) -> None:
    project.write("d/file", "1")
    project.write("d/.dockerignore", "ignored\n.dockerignore\n")
    project.write("d/ignored", "2")
    spec(
        project, "FROM scratch AS base\nCOPY none /none\nFROM base\nCOPY --from=base file /copy", contexts={"base": "d"}
    )
    assert built(project)["files"] == {"file": "1", "copy": "1"}


# URLs


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz", "w:"])
def test_the_main_context_is_an_archive_at_a_url(
    project: Project, web: tuple[str, dict[str, bytes]], mode: str
) -> None:
    url, files = web
    files["/c"] = archive({"./Dockerfile": COPY_ALL, "a": "1", ".dockerignore": "a"}, mode)
    spec(project, context=f"{url}/c")
    assert built(project)["files"] == {"all/Dockerfile": COPY_ALL, "all/a": "1", "all/.dockerignore": "a"}
    files["/c"] = archive({"./Dockerfile": COPY_ALL, "a": "2"}, mode)
    assert built(project)["files"]["all/a"] == "2"


def test_the_main_context_is_a_dockerfile_at_a_url(project: Project, web: tuple[str, dict[str, bytes]]) -> None:
    url, files = web
    files["/D"] = COPY_ALL.encode()
    spec(project, context=f"{url}/D", args={"SOURCE_DATE_EPOCH": "context"})
    found = built(project)
    assert found["files"] == {"all/context": COPY_ALL}
    assert found["config"]["created"] == "2020-09-13T12:26:40Z"


def test_archives_whose_dockerfile_is_a_link_or_missing(project: Project, web: tuple[str, dict[str, bytes]]) -> None:
    url, files = web
    files["/c"] = archive({"Dockerfile": "-> real/File", "real/File": COPY_ALL})
    spec(project, context=f"{url}/c")
    assert built(project)["files"]["all/real/File"] == COPY_ALL
    files["/c"] = archive({"Dockerfile": "-> /etc/hostname"})
    with pytest.raises(InputError, match="there is no Dockerfile"):
        project.build()
    files["/c"] = b"\x1f\x8b\x08" + b"broken" * 20
    with pytest.raises(BakeError):
        built(project)


def test_a_hostile_archive_is_refused(project: Project, web: tuple[str, dict[str, bytes]]) -> None:
    url, files = web
    files["/c"] = archive({"Dockerfile": COPY_ALL, "../out": "x"})
    spec(project, context=f"{url}/c")
    with pytest.raises(BakeError, match=r"holds \.\."):
        built(project)


def test_a_named_context_at_a_url_is_one_file(project: Project, web: tuple[str, dict[str, bytes]]) -> None:
    url, files = web
    files["/x.tar"] = archive({"a": "1"}, "w:")
    spec(project, "FROM scratch\nCOPY --from=web context /got.tar", contexts={"web": f"{url}/x.tar"})
    assert list(built(project)["files"]) == ["got.tar"]


def test_offline_a_url_serves_what_it_served_last_unless_told_to_pull(
    project: Project, web: tuple[str, dict[str, bytes]]
) -> None:
    url, files = web
    files["/D"] = COPY_ALL.encode()
    spec(project, context=f"{url}/D")
    built(project)
    files.clear()
    assert built(project)["files"] == {"all/context": COPY_ALL}
    with pytest.raises(BakeError, match="invalid response status 404"):
        project.build(pull=True)


# OCI layouts


def layout(project: Project) -> str:
    """A layout of two tags, made by bake itself."""
    for tag in ("one", "two"):
        project.write("bake.toml", (
            f"[target.app]\ntags = ['example.com/x:{tag}']\n"
            f"dockerfile-inline = '''FROM scratch\nCOPY {tag} /{tag}\nENV TAG={tag}'''\n"
            f"output = [{{ type = 'oci', dest = '{tag}.d', tar = false }}]\n"
        ))  # fmt: skip
        project.write(tag, tag)
        assert project.build().errors == ()
    indexes = [json.loads((project.root / f"{tag}.d/index.json").read_text()) for tag in ("one", "two")]
    target = project.root / "layout"
    (project.root / "one.d").rename(target)
    for path in (project.root / "two.d/blobs/sha256").iterdir():
        path.rename(target / "blobs/sha256" / path.name)
    indexes[0]["manifests"] += indexes[1]["manifests"]
    (target / "index.json").write_text(json.dumps(indexes[0]))
    return str(indexes[1]["manifests"][0]["digest"])


def test_a_named_context_is_an_image_of_a_layout(project: Project, tmp_path: Path) -> None:
    digest = layout(project)
    other = Project(tmp_path / "other")
    for suffix in (":two", f"@{digest}", f":one@{digest}"):
        spec(
            other,
            "FROM base\nCOPY --from=base two /copied",
            contexts={"base": f"oci-layout://{project.root}/layout{suffix}"},
        )
        found = built(other)
        assert found["files"] == {"two": "two", "copied": "two"}
        assert found["config"]["config"]["Env"][-1] == "TAG=two"
    spec(other, "FROM base", contexts={"base": "oci-layout://../../project/layout:one"})
    assert built(other)["files"] == {"one": "one"}


def test_a_layout_and_a_lock_file_go_together(project: Project) -> None:
    layout(project)
    spec(project, "FROM base", contexts={"base": "oci-layout://layout:one"})
    found = anyio.run(partial(lock, project.options(), upgrade=None, check=False, warn=lambda _: None))
    assert found.entries == 0
    assert built(project)["files"] == {"one": "one"}


@pytest.mark.parametrize(
    ("suffix", "problem"),
    [
        (":none", "it has no tag 'none'"),
        ("", "it has no tag 'latest'"),
        (f"@sha256:{'0' * 64}", "it lacks the blob sha256:000"),
        ("@sha256:abc", "invalid digest"),
        ("/none:one", "cannot read"),
    ],
)
def test_what_is_not_in_a_layout(project: Project, suffix: str, problem: str) -> None:
    layout(project)
    spec(project, "FROM base", contexts={"base": f"oci-layout://layout{suffix}"})
    with pytest.raises(InputError, match=problem):
        project.build()


def test_a_layout_with_a_forged_blob_is_refused(project: Project, tmp_path: Path) -> None:
    digest = layout(project)
    other = Project(tmp_path / "other")
    spec(other, "FROM base", contexts={"base": f"oci-layout://{project.root}/layout@{digest}"})
    blobs = project.root / "layout/blobs"
    manifest = json.loads((blobs / digest.replace(":", "/")).read_text())
    layer = blobs / manifest["layers"][0]["digest"].replace(":", "/")
    layer.write_bytes(layer.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="is not what its digest says"):
        other.build()
    layer.unlink()
    layer.symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="lacks the blob"):
        other.build()


def test_what_cannot_be_the_main_context(project: Project) -> None:
    for context in ("target:x", "docker-image://x", "oci-layout://x", "ftp://x/y"):
        spec(project, context=context)
        with pytest.raises(InputError) as caught:
            project.build()
        assert "unsupported-context" in [diagnostic.code for diagnostic in caught.value.diagnostics]
