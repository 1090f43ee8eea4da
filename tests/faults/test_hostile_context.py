"""Contexts and archives that point out of their root: refused or kept inside; what lies beside the store stays."""

from __future__ import annotations

import os
import shutil
from copy import copy
from pathlib import Path
from tarfile import TarInfo

import pytest
from tars import directory, hard_link, member, symlink, tar
from walkthrough import TOP, Walkthrough

BASE = """
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a project, a store and canaries beside the store and beside the context."""
    context = tmp_path / "project/context"
    context.mkdir(parents=True)
    busybox = shutil.which("busybox")
    assert busybox
    shutil.copy(busybox, context / "busybox")
    for name in ("canary", "project/canary", "outside/canary"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("untouched")
    return tmp_path


def build(place: Path, dockerfile: str, status: int | None) -> str:
    """Builds; what it said. The exit code must be `status` unless that is None, and no traceback is shown."""
    project = place / "project"
    (project / "bake.toml").write_text(f"[target.app]\ncontext = 'context'\ndockerfile-inline = '''{dockerfile}'''\n")
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(place),
        "PYTHONPATH": str(TOP),
        "BAKE_STORE": str(place / "store"),
    }
    ended = Walkthrough(project, environment).run("build", "app", status=status)
    assert "Traceback" not in ended.stderr
    return ended.stderr


def in_image(place: Path, command: str) -> str:
    environment = {"PATH": "/usr/sbin:/usr/bin:/bin", "PYTHONPATH": str(TOP), "BAKE_STORE": str(place / "store")}
    walk = Walkthrough(place / "project", {**environment, "HOME": str(place)})
    return walk.run("run", "--entrypoint", "sh", "app", "--", "-c", command).stdout


def beside(place: Path) -> dict[str, str]:
    """All there is beside project and store, with contents."""
    found = {}
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if not name.startswith(("store", "project/context", ".local")) and name != "project/bake.toml":
            found[name] = path.read_text() if path.is_file() else ""
    return found


@pytest.fixture(autouse=True)
def untouched(place: Path) -> object:
    before = beside(place)
    yield
    assert beside(place) == before


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("link", "../canary"),
        ("link", "../../outside/canary"),
        ("link", "{place}/outside/canary"),
        ("link", "/etc/hostname"),
    ],
)
def test_a_link_out_of_the_context_leads_nowhere(place: Path, link: str, target: str) -> None:
    """As the source of a COPY it is looked up inside the context, where there is no such file."""
    os.symlink(target.format(place=place), place / "project/context" / link)
    build(place, f"{BASE}COPY {link} /taken\n", status=1)


@pytest.mark.parametrize(
    "source", ["../canary", "a/../../canary", "/../canary", "up/canary", "root{place}/outside/canary"]
)
def test_names_do_not_leave_the_context(place: Path, source: str) -> None:
    os.symlink("..", place / "project/context/up")
    os.symlink("/", place / "project/context/root")
    build(place, f"{BASE}COPY {source.format(place=place)} /taken\n", status=1)


def test_links_are_copied_as_links(place: Path) -> None:
    os.symlink(f"{place}/outside", place / "project/context/dir")
    os.symlink(f"{place}/outside/canary", place / "project/context/file")
    build(place, f"{BASE}COPY . /all\n", status=0)
    assert in_image(place, "readlink /all/dir; readlink /all/file; cat /all/file 2>/dev/null || true").split() == [
        f"{place}/outside",
        f"{place}/outside/canary",
    ]


@pytest.mark.parametrize(
    "link", ["{place}/outside", "../../../../../../..{place}/outside", "/proc/self/root{place}/outside"]
)
def test_destinations_stay_in_the_image(place: Path, link: str) -> None:
    """A link that an earlier step left in the image is followed inside the image."""
    (place / "project/context/canary").write_text("overwritten")
    link = link.format(place=place)
    build(
        place, f"{BASE}RUN ln -s {link} /out\nCOPY canary /out/\nCOPY canary /out/canary\nWORKDIR /out/deeper\n", None
    )


ARCHIVES = {
    "parent": [member("../../canary", b"overwritten"), member("../canary", b"overwritten")],
    "absolute": [member("{place}/outside/canary", b"overwritten")],
    "through a link": [symlink("way", "{place}/outside"), member("way/canary", b"overwritten")],
    "through a link to the parent": [symlink("way", "../../.."), member("way/canary", b"overwritten")],
    "hard link to the outside": [hard_link("taken", "{place}/outside/canary"), member("taken", b"overwritten")],
    "hard link by parents": [hard_link("taken", "../../canary"), member("taken", b"overwritten")],
    "directory over a link": [
        symlink("way", "{place}/outside"),
        directory("way"),
        member("way/canary", b"overwritten"),
    ],
    "whiteouts": [symlink("way", "{place}/outside"), member("way/.wh.canary"), member("../.wh.canary")],
}


def placed(info: TarInfo, place: Path) -> TarInfo:
    """A copy whose names are below `place`. (Debian 12's Python has no TarInfo.replace.)"""
    made = copy(info)
    made.name, made.linkname = info.name.format(place=place), info.linkname.format(place=place)
    return made


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_stay_in_the_image(place: Path, name: str) -> None:
    """Refused or unpacked inside: either is right, as long as it is told as a diagnostic."""
    members = [(placed(info, place), data) for info, data in ARCHIVES[name]]
    (place / "project/context/hostile.tar").write_bytes(tar(members))
    said = build(place, f"{BASE}ADD hostile.tar /unpacked/\n", None)
    assert "defect" not in said
