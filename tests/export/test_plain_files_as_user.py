"""Plain files written by an ordinary user: files of other owners are readable to the build, and become the user's."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from as_user import CHECKOUT, USER, as_user, ensure_user

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="all tests run as an ordinary user already")

SPEC = """
[target.app]
dockerfile-inline = '''
FROM scratch
WORKDIR /etc
COPY --chown=12:34 --chmod=600 secret /etc/
COPY --chown=99:99 --chmod=500 secret /closed/
'''
output = ["type=local,dest=out", "type=tar,dest=out.tar"]
attest = ["type=sbom"]
"""


@pytest.fixture
def place() -> Iterator[Path]:
    ensure_user()
    home = Path(mkdtemp(prefix="bake-plain-"))
    directory = home / "project"
    directory.mkdir()
    (directory / "bake.toml").write_text(SPEC)
    (directory / "secret").write_text("text")
    subprocess.run(["chown", "-R", f"{USER}:", home], check=True)
    yield directory
    subprocess.run(["rm", "-rf", home], check=True)


def command(place: Path) -> list[str]:
    env = ["env", f"HOME={place.parent}", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", f"PYTHONPATH={CHECKOUT}"]
    return as_user([*env, sys.executable, "-P", "-m", "bake", "build", "--progress", "plain"])


def test_owners(place: Path) -> None:
    for _ in range(2):
        done = subprocess.run(command(place), cwd=place, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    owner = (place / "bake.toml").stat()
    for name, mode in (("etc/secret", 0o100600), ("closed/secret", 0o100500), ("sbom.spdx.json", 0o100644)):
        found = (place / "out" / name).stat()
        assert (found.st_uid, found.st_gid, found.st_mode) == (owner.st_uid, owner.st_gid, mode)
    with tarfile.open(place / "out.tar") as tar:
        owners = {member.name: (member.uid, member.gid) for member in tar if member.isfile()}
    assert owners == {"etc/secret": (12, 34), "closed/secret": (99, 99), "sbom.spdx.json": (0, 0)}


def test_a_context_that_cannot_be_searched_is_told(place: Path) -> None:
    """As outputs inside a context can be: a directory that may be listed but not entered."""
    (place / "closed").mkdir()
    (place / "closed/file").write_text("")
    (place / "closed").chmod(0o600)
    subprocess.run(["chown", f"{USER}:", place / "closed"], check=True)
    done = subprocess.run(command(place), cwd=place, capture_output=True, text=True, check=False)
    assert (done.returncode, "unreadable-context" in done.stderr) == (2, True)
