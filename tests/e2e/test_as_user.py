"""A few chapters built by an ordinary user, in user namespaces, give what root's build gives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from as_user import USER, as_user, ensure_user
from outliving import mounts, processes
from walkthrough import TOP, Walkthrough, copy_sources

Built = Any
Bake = Callable[..., str]
CHAPTERS = ("hello", "copy-add", "env-arg", "cmd-entrypoint", "label")

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="all tests run as an ordinary user already")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A directory that belongs to the user, with the sources and the program."""
    ensure_user()
    directory = Path(mkdtemp(prefix="bake-user-"))
    copy_sources(TOP, directory / "top")
    shutil.copytree(TOP / "bake", directory / "program/bake", ignore=shutil.ignore_patterns("__pycache__"))
    # Not the archive of the python base: other checkouts have it by hard links.
    own = ["(", "-type", "d", "-o", "-links", "1", ")", "-exec", "chown", "--no-dereference", f"{USER}:", "{}", "+"]
    subprocess.run(["find", directory, *own], check=True)
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def bake(built: Built, place: Path) -> Bake:
    def run(*arguments: str) -> str:
        variables = {
            "HOME": str(place),
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "BAKE_STORE": str(place / "store"),
            "FILES_URL": built.walk.environment["FILES_URL"],
            "REGISTRY": built.walk.environment["REGISTRY"],
            "PYTHONPATH": str(place / "program"),
        }
        argv = ["env", *(f"{name}={value}" for name, value in variables.items()), *Walkthrough.argv(*arguments)]
        ended = subprocess.run(
            as_user(argv), cwd=place / "top", capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run


def test_chapters_build_and_run(bake: Bake) -> None:
    report = json.loads(bake("build", *CHAPTERS, "--json"))
    assert {step["status"] for step in report["steps"]} == {"run"}
    assert bake("run", "hello") == "Hello from a container!\n"
    assert bake("run", "cmd-entrypoint", "--", "other") == "entrypoint: other\n"
    assert bake("run", "copy-add", "--", "stat", "-c", "%a %u:%g", "/usr/local/bin/greet") == "555 0:0\n"
    assert bake("run", "copy-add", "--", "stat", "-c", "%u", "/home/reader/notes/owner.txt") == "1000\n"


def test_a_second_build_has_nothing_to_do(bake: Bake) -> None:
    report = json.loads(bake("build", *CHAPTERS, "--json"))
    assert {step["status"] for step in report["steps"]} == {"cached"}


def test_the_layers_are_those_that_root_makes(built: Built, bake: Bake) -> None:
    """By content: files that RUN writes are as old as the step."""
    for chapter in CHAPTERS:
        (mine,) = json.loads(bake("inspect", chapter, "--json"))["platforms"].values()
        (roots,) = built.walk.json("inspect", chapter, "--json")["platforms"].values()
        assert [layer["state"] for layer in mine["layers"]] == [layer["state"] for layer in roots["layers"]]


def test_nothing_is_left(bake: Bake, place: Path) -> None:
    bake("plan", "hello")
    assert not processes(str(place))
    assert not mounts(place)
    assert not any((place / "store/tmp").iterdir())
