"""`bake watch` in a process of its own: what makes it build again, what does not, and how it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from outliving import eventually

SPEC = """
[target.app]
output = ["type=oci,dest=app.tar"]
"""
DOCKERFILE = """
FROM scratch
COPY busybox greeting /
RUN ["/busybox", "cat", "/greeting"]
"""


class Watched:
    def __init__(self, directory: Path) -> None:
        self.top = directory / "project"
        self.top.mkdir()
        self.log = directory / "log"
        shutil.copy("/bin/busybox", self.top)
        for name, text in {"bake.toml": SPEC, "Dockerfile": DOCKERFILE, "greeting": "one\n"}.items():
            self.write(name, text)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bake", "watch", "app", "--progress", "plain", "--report", "report.json"],
                cwd=self.top,
                env={**os.environ, "BAKE_STORE": str(directory / "store")},
                stdin=subprocess.DEVNULL,
                stderr=log,
                process_group=0,
            )

    def write(self, name: str, text: str) -> None:
        """As editors do: a new file in the place of the old one."""
        new = self.top / f".{name}.new"
        new.write_text(text)
        new.replace(self.top / name)

    def rounds(self) -> int:
        return self.log.read_text().count("watching for changes")

    def round(self, number: int) -> bool:
        return eventually(lambda: self.rounds() == number)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path)
    yield watched
    if watched.process.poll() is None:
        watched.process.kill()
    watched.process.wait()


def test_builds_again_when_a_step_reads_what_changed(watched: Watched) -> None:
    assert watched.round(1)
    watched.write("greeting", "two\n")
    assert watched.round(2), watched.log.read_text()
    text = watched.log.read_text()
    assert "greeting changed: building again" in text
    assert "app | two" in text


def test_what_no_step_reads_does_not_count(watched: Watched) -> None:
    assert watched.round(1)
    watched.write("notes", "nothing reads this\n")
    watched.write("greeting", "two\n")  # so that it is known to have looked
    assert watched.round(2)
    assert "notes" not in watched.log.read_text()


def test_a_mistake_is_told_and_its_mending_builds(watched: Watched) -> None:
    assert watched.round(1)
    watched.write("Dockerfile", DOCKERFILE.replace("RUN", "RN"))
    assert watched.round(2)
    assert "did you mean RUN?" in watched.log.read_text()
    watched.write("Dockerfile", DOCKERFILE.replace('"cat"', '"md5sum"'))
    assert watched.round(3)
    assert "app | 5bbf5a52328e7439ae6e719dfe712200  /greeting" in watched.log.read_text()


def test_a_new_context_is_watched_too(watched: Watched) -> None:
    assert watched.round(1)
    other = watched.top.parent / "other"
    other.mkdir()
    (other / "file").write_text("one\n")
    watched.write("Dockerfile", DOCKERFILE + "COPY --from=more file /\n")
    assert watched.round(2)
    watched.write("bake.toml", SPEC + 'contexts = { more = "../other" }\n')
    assert watched.round(3)
    (other / "file").write_text("two\n")
    assert watched.round(4)
    assert "\nfile changed: building again" in watched.log.read_text()


def test_an_interrupt_ends_it(watched: Watched) -> None:
    assert watched.round(1)
    os.killpg(watched.process.pid, signal.SIGINT)
    assert watched.process.wait(20) == 130
    assert "Traceback" not in watched.log.read_text()
