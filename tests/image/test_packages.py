"""Lists of packages, from databases as package managers write them."""

from __future__ import annotations

import subprocess
from importlib.metadata import distributions
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.image.attest.packages import packages, wanted

DPKG = """Package: libc6
Status: install ok installed
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>
Architecture: amd64
Source: glibc (2.36-9)
Version: 2.36-9+deb12u4
Description: GNU C Library
 Package: not-a-field

Package: gone
Status: deinstall ok config-files
Version: 1.0

Package: half
Version:
"""
APK = """C:Q1abc=
P:musl
V:1.2.4-r2
A:x86_64
L:MIT
o:musl
m:Timo <timo@example.org>
p:so:libc.musl-x86_64.so.1=1

P:busybox
V:1.36.1-r5
A:x86_64
L:GPL-2.0-only
"""
RELEASE = b'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nVERSION_ID="12"\n'
PLACES = ("var/lib/dpkg/status", "lib/apk/db/installed", "x.dist-info/METADATA", "etc/os-release")
METADATA = "Metadata-Version: 2.1\nName: Ruamel.YAML_x\nVersion: 1.2.3\nLicense: MIT\n\nName: in the text\n"


def purls(files: dict[str, str | bytes]) -> list[str]:
    rows = packages({path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()})
    return [row.purl for row in rows]


def test_dpkg() -> None:
    found = purls({"var/lib/dpkg/status": DPKG, "etc/os-release": RELEASE})
    assert found == ["pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12"]
    (row,) = packages({"var/lib/dpkg/status": DPKG.encode()})
    assert (row.source, row.supplier) == ("glibc", "GNU Libc Maintainers <debian-glibc@lists.debian.org>")


def test_dpkg_of_images_without_dpkg() -> None:
    stanza = "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n"
    assert purls({"var/lib/dpkg/status.d/base": stanza}) == ["pkg:deb/debian/base-files@12.4?arch=amd64"]


def test_apk() -> None:
    found = purls({"lib/apk/db/installed": APK, "usr/lib/os-release": b"ID=alpine\nVERSION_ID=3.18.4\n"})
    assert found == [
        "pkg:apk/alpine/busybox@1.36.1-r5?arch=x86_64&distro=alpine-3.18.4",
        "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.18.4",
    ]


@pytest.mark.parametrize(
    "path", ["usr/lib/python3/dist-packages/x-1.dist-info/METADATA", "x.egg-info/PKG-INFO", "a/x-1.egg-info"]
)
def test_python(path: str) -> None:
    assert wanted([path, "a/METADATA", "usr/bin/x"]) == (path,)
    assert purls({path: METADATA}) == ["pkg:pypi/ruamel-yaml-x@1.2.3"]


def test_what_cannot_be_read_is_left_out() -> None:
    junk = b"\xff\x00: \n\n:::\n\x80" * 50
    assert packages({"var/lib/dpkg/status": junk, "lib/apk/db/installed": junk, "x.dist-info/METADATA": junk}) == ()


def test_the_packages_of_this_machine() -> None:
    """dpkg itself and importlib say the same."""
    status = Path("/var/lib/dpkg/status")
    shown = "${db:Status-Status} ${Package} ${Version} ${Architecture}\\n"
    told = subprocess.run(["dpkg-query", "-W", "-f", shown], capture_output=True, text=True, check=True).stdout
    expected = {tuple(line.split()[1:]) for line in told.splitlines() if line.startswith("installed ")}
    rows = packages({"var/lib/dpkg/status": status.read_bytes()})
    assert {(row.name, row.version, row.arch) for row in rows} == expected
    files = {
        f"{each._path.name}/METADATA": (each._path / "METADATA").read_bytes()  # type: ignore[attr-defined]
        for each in distributions()
        if (each._path / "METADATA").is_file()  # type: ignore[attr-defined]
    }
    assert {row.version for row in packages(files)} == {each.version for each in distributions()}
    assert len(packages(files)) == len(files)


@given(st.dictionaries(st.sampled_from(PLACES), st.binary(max_size=200) | st.text(max_size=200).map(str.encode)))
def test_nothing_makes_it_fail(files: dict[str, bytes]) -> None:
    """Databases come from images, so from strangers."""
    rows = packages(files)
    assert list(rows) == sorted(set(rows))
    assert all(row.name and row.version and row.purl.startswith(f"pkg:{row.kind}/") for row in rows)
