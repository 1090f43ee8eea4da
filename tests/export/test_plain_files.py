"""Outputs of type local and tar: the files of an image's final state, on this host and in an archive."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from projects import Project

from bake.app.building import build as bake
from bake.errors import InputError

DOCKERFILE = r"""
FROM scratch AS base
COPY busybox /bin/busybox
RUN ["/bin/busybox", "mkdir", "-p", "/gone", "/closed", "/etc"]
RUN ["/bin/busybox", "sh", "-c", "echo no > /gone/x; echo one > /etc/first; /bin/busybox ln /etc/first /etc/second; \
  /bin/busybox ln -s /etc/passwd /link; /bin/busybox ln -s ../../outside /etc/up; /bin/busybox mkfifo /pipe; \
  echo inside > /closed/file; /bin/busybox chmod 555 /closed; /bin/busybox chown 12:34 /etc/first; \
  /bin/busybox chmod 4755 /etc/first; /bin/busybox touch -d '2020-01-02 03:04:05' /etc/first"]
RUN ["/bin/busybox", "rm", "-r", "/gone"]
"""


def project(tmp_path: Path, outputs: str, dockerfile: str = DOCKERFILE, more: str = "") -> Project:
    made = Project(tmp_path)
    made.add_busybox()
    text = f"[target.app]\ntags = ['h.example/app:1']\ndockerfile-inline = '''{dockerfile}'''\noutput = [{outputs}]\n"
    made.write("bake.toml", text + more)
    return made


def build(made: Project, *names: str, **changes: object) -> None:
    assert made.build(*names, **changes).errors == ()


def test_local_is_the_final_state(tmp_path: Path) -> None:
    made = project(tmp_path, '{ type = "local", dest = "out" }')
    build(made)
    out = made.root / "out"
    paths = {path.relative_to(out).as_posix() for path in out.rglob("*")} - {"proc", "sys", "dev"}
    assert paths == {
        "bin", "bin/busybox", "closed", "closed/file", "etc", "etc/first", "etc/second", "etc/up", "link", "pipe",
    }  # fmt: skip
    first = (out / "etc/first").stat()
    assert (first.st_ino, first.st_nlink) == ((out / "etc/second").stat().st_ino, 2)
    assert (first.st_uid, first.st_gid) == (os.getuid(), os.getgid())
    assert stat.S_IMODE(first.st_mode) == 0o4755
    assert int(first.st_mtime) == 1577934245
    assert os.readlink(out / "link") == "/etc/passwd"
    assert stat.S_ISFIFO((out / "pipe").lstat().st_mode)
    assert stat.S_IMODE((out / "closed").stat().st_mode) == 0o555


def test_local_again_replaces_and_keeps_what_is_not_its_own(tmp_path: Path) -> None:
    made = project(tmp_path, '{ type = "local", dest = "out" }')
    build(made)
    out = made.root / "out"
    (out / "mine").write_text("stays")
    (out / "etc/first").write_text("changed")
    build(made)
    assert (out / "etc/first").read_text() == "one\n"
    assert (out / "etc/second").read_text() == "one\n"
    assert (out / "mine").read_text() == "stays"
    assert not list(out.rglob(".bake.*"))


def test_nothing_is_written_through_links_that_are_there(tmp_path: Path) -> None:
    made = project(tmp_path, '{ type = "local", dest = "out" }')
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "passwd").write_text("secret")
    (made.root / "out").mkdir()
    (made.root / "out/etc").symlink_to(outside)
    (made.root / "out/bin").mkdir()
    (made.root / "out/bin/busybox").symlink_to(outside / "passwd")
    build(made)
    assert {path.name for path in outside.iterdir()} == {"passwd"}
    assert (outside / "passwd").read_text() == "secret"
    assert (made.root / "out/etc/first").read_text() == "one\n"


def test_delete_removes_what_the_image_has_not(tmp_path: Path) -> None:
    made = project(tmp_path, '{ type = "local", dest = "out", mode = "delete" }')
    made.write("out/etc/old/deep/file", "x")
    made.write("out/first", "x")
    build(made)
    assert not (made.root / "out/etc/old").exists()
    assert not (made.root / "out/first").exists()
    assert (made.root / "out/etc/first").exists()


@pytest.mark.parametrize("dest", ["../store", ".", "..", "/"])
def test_delete_never_takes_the_sources(tmp_path: Path, dest: str) -> None:
    made = project(tmp_path, f'{{ type = "local", dest = "{dest}", mode = "delete" }}')
    made.store.mkdir()
    with pytest.raises(InputError, match="would empty"):
        made.build()
    assert (made.root / "bake.toml").exists()


def test_tar_is_the_final_state_with_owners(tmp_path: Path) -> None:
    made = project(tmp_path, '{ type = "tar", dest = "out/app.tar" }')
    build(made)
    with tarfile.open(made.root / "out/app.tar") as tar:
        members = {member.name: member for member in tar}
        assert tar.extractfile("etc/second").read() == b"one\n"  # type: ignore[union-attr]
    first = members["etc/first"]
    assert (first.uid, first.gid, first.mode, first.mtime) == (12, 34, 0o4755, 1577934245)
    assert members["etc/second"].islnk() and members["etc/second"].linkname == "etc/first"
    assert members["link"].linkname == "/etc/passwd"
    assert members["pipe"].isfifo()
    assert not [name for name in members if name.startswith("gone")]
    before = (made.root / "out/app.tar").read_bytes()
    build(made)
    assert (made.root / "out/app.tar").read_bytes() == before
    assert [path.name for path in (made.root / "out").iterdir()] == ["app.tar"]


FOREIGN = "FROM scratch\nARG TARGETARCH\nCOPY a /a\nCOPY $TARGETARCH /which\n"
BOTH = 'platforms = ["linux/amd64", "linux/arm/v7"]\n'


def two(tmp_path: Path, output: str) -> Project:
    made = project(tmp_path, output, FOREIGN, BOTH)
    for name in ("a", "amd64", "arm"):
        made.write(name, name)
    return made


def test_platforms_get_a_directory_each(tmp_path: Path) -> None:
    made = two(tmp_path, '{ type = "local", dest = "out" }, { type = "tar", dest = "out.tar" }')
    build(made)
    expected = {"linux_amd64/a", "linux_amd64/which", "linux_arm_v7/a", "linux_arm_v7/which"}
    assert {
        p.relative_to(made.root / "out").as_posix() for p in (made.root / "out").rglob("*") if p.is_file()
    } == expected
    assert (made.root / "out/linux_arm_v7/which").read_text() == "arm"
    with tarfile.open(made.root / "out.tar") as tar:
        assert {member.name for member in tar if member.isfile()} == expected


def test_platforms_in_one_directory_may_not_meet(tmp_path: Path) -> None:
    made = two(tmp_path, '{ type = "local", dest = "out", platform-split = false }')
    (error,) = made.build().errors
    assert error.diagnostics[0].code == "path-conflict"


def test_one_platform_split_when_asked(tmp_path: Path) -> None:
    made = project(
        tmp_path,
        '{ type = "local", dest = "out", platform-split = true }',
        FOREIGN,
        BOTH.replace(', "linux/arm/v7"', ""),
    )
    made.write("a", "x")
    made.write("amd64", "y")
    build(made)
    assert (made.root / "out/linux_amd64/which").read_text() == "y"


def test_the_output_flag_replaces_and_counts_from_here(tmp_path: Path) -> None:
    made = project(tmp_path, '{ type = "local", dest = "own" }')
    made.write("sub/dir/x", "")
    options = replace(made.options(), outputs=("type=tar,dest=here.tar", "here"), directory=str(made.root / "sub/dir"))
    assert anyio.run(bake, options, made.events.append).errors == ()
    assert (made.root / "sub/dir/here.tar").is_file()
    assert (made.root / "sub/dir/here/etc/first").is_file()
    assert not (made.root / "own").exists()


def test_the_output_flag_may_hold_templates(tmp_path: Path) -> None:
    made = project(tmp_path, "")
    build(made, outputs=("type=local,dest=out/${target.name}",))
    assert (made.root / "out/app/etc/first").is_file()


def test_a_wrong_output_flag_is_shown(tmp_path: Path) -> None:
    made = project(tmp_path, "")
    with pytest.raises(InputError) as caught:
        made.build(outputs=("type=locl,dest=out",))
    (found,) = caught.value.diagnostics
    assert str(found.span) == "<--output>:1:1"


def test_two_targets_may_not_write_one_file(tmp_path: Path) -> None:
    more = "[target.other]\ndockerfile-inline = 'FROM scratch'\noutput = ['type=tar,dest=x.tar']\n"
    made = project(tmp_path, '{ type = "tar", dest = "x.tar" }', more=more)
    with pytest.raises(InputError, match="`app` and `other`"):
        made.build("all")


@pytest.mark.parametrize("kind", ["tar", "oci", "docker"])
def test_standard_output(tmp_path: Path, kind: str) -> None:
    made = project(tmp_path, "")
    argv = [sys.executable, "-m", "bake", "build", "-o", f"type={kind},dest=-", "--progress", "plain"]
    environment = {**os.environ, **made.options().environment}
    done = subprocess.run(argv, cwd=made.root, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        names = set(tar.getnames())
    assert {"tar": "etc/first", "oci": "oci-layout", "docker": "manifest.json"}[kind] in names
    refused = subprocess.run([*argv, "--json"], cwd=made.root, env=environment, capture_output=True, check=False)
    assert refused.returncode == 2
    assert b"the report is printed there" in refused.stderr


def test_cacheonly_writes_nothing(tmp_path: Path) -> None:
    made = project(tmp_path, '"type=cacheonly"')
    before = set(made.root.iterdir())
    build(made)
    assert set(made.root.iterdir()) == before


def test_two_targets_may_not_both_be_written_to_standard_output(tmp_path: Path) -> None:
    made = project(tmp_path, "", more="[target.other]\ndockerfile-inline = 'FROM scratch'\n")
    for dest in ("-", "out.tar"):
        with pytest.raises(InputError):
            made.build("all", outputs=(f"type=tar,dest={dest}",))


def test_an_image_without_files(tmp_path: Path) -> None:
    output = '"type=local,dest=out", "type=tar,dest=out.tar"'
    made = project(tmp_path, output, "\nFROM scratch\nLABEL a=b\n", 'attest = ["type=sbom"]\n')
    build(made)
    assert [path.name for path in (made.root / "out").iterdir()] == ["sbom.spdx.json"]
    with tarfile.open(made.root / "out.tar") as tar:
        assert tar.getnames() == ["sbom.spdx.json"]


def test_the_reader_of_standard_output_may_leave(tmp_path: Path) -> None:
    made = project(tmp_path, "")
    command = f"{sys.executable} -m bake build -o - --progress quiet; echo $? >&2"
    environment = {**os.environ, **made.options().environment}
    argv = ["sh", "-c", f"({command}) | head -c 1"]
    done = subprocess.run(argv, cwd=made.root, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "141"
