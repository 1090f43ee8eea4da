"""`bake init` in directories with Dockerfiles, and what comes of it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from bake.gather.dockerfiles import find_dockerfiles

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bare(line: Call) -> Call:
    """Without a bake.toml."""
    Path("bake.toml").unlink()
    return line


def put(name: str, text: str = "FROM scratch\nCOPY a /\n") -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_what_it_writes_can_be_built(bare: Call) -> None:
    put("api/Dockerfile", "ARG BASE=scratch\nFROM ${BASE}\nARG V\nCOPY a /\n")
    put("api/a")
    put("docker/web.Dockerfile", "FROM scratch\nCOPY api/a /b\n")
    assert bare("init") == (0, "wrote bake.toml with 2 targets: api, docker-web\n", "")
    written = Path("bake.toml").read_text()
    found = tomllib.loads(written)["target"]
    assert found["api"] == {"context": "api", "tags": ["${REGISTRY}/api"]}
    assert found["docker-web"]["dockerfile"] == "docker/web.Dockerfile" and "context" not in found["docker-web"]
    assert '# args = { V = "" }' in written
    assert bare("check")[0] == 0
    assert bare("build --progress quiet") == (0, "", "")


def test_nothing_is_ever_overwritten(line: Call, tmp_path: Path) -> None:
    before = Path("bake.toml").read_text()
    put("Dockerfile")
    code, out, err = line("init")
    assert (code, out) == (2, "") and err.startswith("error[spec-exists]: there is a bake.toml already\n")
    assert Path("bake.toml").read_text() == before
    Path("bake.toml").unlink()
    Path("bake.toml").symlink_to(tmp_path / "elsewhere")
    assert line("init")[0] == 2
    assert not (tmp_path / "elsewhere").exists()


def test_another_directory(bare: Call) -> None:
    put("sub/My Project/Dockerfile")
    put("sub/My Project/a")
    Path("sub/My Project").rename("sub/project")
    assert bare("init sub/project") == (0, "wrote sub/project/bake.toml with 1 target: project\n", "")
    assert bare("init nowhere")[0] == 2


def test_without_dockerfiles(bare: Call) -> None:
    code, out, err = bare("init")
    assert (code, out) == (2, "") and err.startswith("error[no-dockerfile]") and "write a Dockerfile first" in err
    put("compose.yaml", "services: {}\n")
    assert "`bake import compose.yaml`" in bare("init")[2]
    put("Dockerfile")
    code, out, err = bare("init")
    assert (code, err) == (0, "`bake import compose.yaml` would carry over what that file says\n")


def test_which_files_count(tmp_path: Path) -> None:
    for name in (
        "Dockerfile", "Dockerfile.dev", "x/prod.dockerfile", "x/Containerfile", ".git/Dockerfile",
        "node_modules/y/Dockerfile", "Dockerfile.dockerignore", "x/Dockerfiles/readme", "1/2/3/4/5/6/7/8/9/Dockerfile",
        "bad\udcff/Dockerfile",
    ):  # fmt: skip
        put(str(tmp_path / name))
    (tmp_path / "again").symlink_to(".")
    (tmp_path / "Dockerfile.gone").symlink_to("nowhere")
    found = [one.path for one in find_dockerfiles(tmp_path)]
    assert found == ["Dockerfile", "Dockerfile.dev", "Dockerfile.gone", "x/Containerfile", "x/prod.dockerfile"]


@pytest.mark.parametrize(
    ("copied", "context"),
    [
        ("a", "x/y"),
        ("/a", "x/y"),
        ("b", "x"),
        ("a ../b", "x/y"),
        ("x/b", "."),
        ("nowhere", "x/y"),
        ("*.py", "x/y"),
        ("--from=0 zzz", "x/y"),
        ("https://h.example/f", "x/y"),
    ],
)
def test_contexts(tmp_path: Path, copied: str, context: str) -> None:
    put(str(tmp_path / "x/y/a"))
    put(str(tmp_path / "x/b"))
    put(str(tmp_path / "x/y/Dockerfile"), f"FROM scratch\nCOPY {copied} /\n".replace("COPY http", "ADD http"))
    (one,) = find_dockerfiles(tmp_path)
    assert one.context == context


def test_what_is_no_dockerfile_counts_as_one(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(b"\xff\xfe")
    put(str(tmp_path / "x/Dockerfile"), "FORM x\n")
    assert [(one.path, one.context) for one in find_dockerfiles(tmp_path)] == [
        ("Dockerfile", "."),
        ("x/Dockerfile", "x"),
    ]
