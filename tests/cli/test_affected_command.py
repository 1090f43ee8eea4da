"""`bake affected` in a git repository: what a change touches, and that nothing is missed that a build would rebuild."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path
from random import Random

import pytest

Call = Callable[..., tuple[int, str, str]]

SPEC = '''
include = ["parts/*/bake.toml"]
[variable]
V = "1"
[target.lib]
context = "lib"
tags = ["localhost:1/lib:1"]
[target.app]
context = "app"
contexts = { base = "target:lib" }
args = { V = "${V}" }
[target.web]
context = "web"
labels = { "commit" = "${git.sha}" }
[target.docs]
after = ["web"]
dockerfile-inline = """
FROM localhost:1/lib:1
COPY docs/*.md /
COPY link/ /linked
"""
'''
FILES = {
    "bake.toml": SPEC,
    "lib/Dockerfile": "FROM scratch\nCOPY src /\n",
    "lib/src/a": "1",
    "lib/README": "1",
    "app/Dockerfile": "FROM base\nARG V\nCOPY . /app\n",
    "app/main.py": "1",
    "app/.dockerignore": "tests\n*.log\n!keep.log\n",
    "app/tests/t.py": "1",
    "web/Dockerfile": "FROM scratch AS unused\nCOPY unused /\nFROM scratch\nCOPY --exclude=*.map dist/ /\n",
    "web/unused": "1",
    "web/dist/x.js": "1",
    "web/dist/x.map": "1",
    "docs/a.md": "1",
    "docs/a.txt": "1",
    "v1/f": "1",
    "v2/f": "2",
    "parts/one/bake.toml": '[target.part]\ndockerfile-inline = "FROM scratch\\nCOPY p /"\n',
    "parts/one/p": "1",
    ".gitignore": "ignored\n",
}
ALL = ["lib", "app", "web", "docs", "parts/one:part"]


def git(*args: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *identity, *args], check=True, capture_output=True, text=True).stdout.strip()


def put(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)


@pytest.fixture
def repository(line: Call) -> Call:
    for name, text in FILES.items():
        put(name, text)
    Path("link").symlink_to("v1")
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    return line


def since(line: Call, *names: str, rev: str = "HEAD") -> list[str]:
    code, out, err = line(f"affected --since {rev} {' '.join(names)}")
    assert (code, err) == (0, "")
    return out.splitlines()


@pytest.mark.parametrize(
    ("name", "text", "affected"),
    [
        ("lib/src/a", "2", ["lib", "app", "docs"]),
        ("lib/src/new", "1", ["lib", "app", "docs"]),
        ("lib/README", "2", []),
        ("lib/Dockerfile", "FROM scratch\nCOPY src /\n# x\n", ["lib", "app", "docs"]),
        ("app/main.py", "2", ["app"]),
        ("app/tests/t.py", "2", []),
        ("app/x.log", "2", []),
        ("app/keep.log", "2", ["app"]),
        ("app/.dockerignore", "", ["app"]),
        ("app/Dockerfile.dockerignore", "", ["app"]),
        ("web/unused", "2", []),
        ("web/dist/x.map", "2", []),
        ("web/dist/x.js", "2", ["web"]),
        ("docs/b.md", "1", ["docs"]),
        ("docs/a.txt", "2", []),
        ("v1/f", "2", ["docs"]),
        ("v2/f", "3", []),
        ("parts/one/p", "2", ["parts/one:part"]),
        ("parts/one/bake.toml", FILES["parts/one/bake.toml"] + "args.X = '1'\n", ["parts/one:part"]),
        ("parts/one/bake.toml", "# a comment\n" + FILES["parts/one/bake.toml"], []),
        ("bake.toml", SPEC.replace('V = "1"', 'V = "2"'), ["app"]),
        ("bake.toml", SPEC.replace('after = ["web"]\n', ""), ["docs"]),
        ("parts/two/bake.toml", '[target.new]\ndockerfile-inline = "FROM scratch"\n', ["parts/two:new"]),
        ("ignored", "1", []),
    ],
)
def test_one_change(repository: Call, name: str, text: str, affected: list[str]) -> None:
    put(name, text)
    assert since(repository) == affected


def test_what_is_gone_or_turned_counts(repository: Call) -> None:
    Path("lib/src/a").unlink()
    put("lib/src/b", "1")
    assert since(repository) == ["lib", "app", "docs"]
    git("add", "-A")
    git("commit", "-q", "-m", "second")
    assert since(repository) == []
    Path("link").unlink()
    Path("link").symlink_to("v2")
    assert since(repository) == ["docs"]
    assert since(repository, rev="HEAD~1") == ["lib", "app", "docs"]
    assert since(repository, "web", rev="HEAD~1") == []
    Path("parts/one/bake.toml").unlink()
    assert since(repository) == ["docs"]


def test_a_spec_that_was_not_there_or_was_wrong(repository: Call) -> None:
    git("rm", "-q", "--cached", "bake.toml")
    git("commit", "-q", "-m", "none")
    assert since(repository) == ALL
    put("bake.toml", "[target.")
    git("add", "-A")
    git("commit", "-q", "-m", "wrong")
    put("bake.toml", SPEC)
    assert since(repository) == ALL


def test_reasons(repository: Call) -> None:
    put("lib/src/a", "2")
    put("bake.toml", SPEC.replace('V = "1"', 'V = "2"'))
    code, out, _ = repository("affected --since HEAD --json")
    found = json.loads(out)
    assert (code, found["version"], found["changed"]) == (0, 1, 2)
    assert {row["name"]: row["why"] for row in found["targets"]} == {
        "lib": "src/a changed",
        "app": "its form in bake.toml changed",
        "docs": "src/a changed",
    }


def test_files_from_elsewhere(repository: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (b"app/main.py\nweb/unused\n", b"app/main.py\0web/unused\0"):
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(data)))
        assert repository("affected --files -") == (0, "app\n", "")
    put("list", "bake.toml\n")
    assert repository("affected --files list")[1].splitlines() == ALL
    assert repository("affected --files list web")[1].splitlines() == ["web"]


def test_wrong_lines(repository: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there is no revision 'nope' here" in repository("affected --since nope")[2]
    assert repository("affected --since=--output=x")[0] == 2
    assert repository("affected")[0] == repository("affected --since HEAD --files list")[0] == 2
    git("clone", "-q", "--depth=1", f"file://{Path.cwd()}", str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    assert "this clone is shallow" in repository("affected --since HEAD~1")[2]
    monkeypatch.chdir(tmp_path)
    put("bake.toml", '[target.a]\ndockerfile-inline = "FROM scratch"\n')
    code, _, err = repository("affected --since HEAD")
    assert (code, err.splitlines()[0].startswith("error[no-repository]")) == (2, True)


def test_bases_out_of_reach_are_a_warning(repository: Call) -> None:
    put("web/Dockerfile", "FROM localhost:1/far:1\nCOPY dist /\n")
    git("commit", "-q", "-a", "-m", "far")
    put("web/dist/x.js", "2")
    code, out, err = repository("affected --since HEAD")
    assert (code, out) == (0, "web\n") and err.startswith("warning[unknown-base]: localhost:1/far:1 is out of reach")


@pytest.mark.parametrize("seed", range(4))
def test_no_target_is_missed_that_would_be_built_again(repository: Call, seed: int) -> None:
    """After random edits, each target with a step that would run is among those named."""
    random = Random(seed)
    assert repository("all --progress quiet")[0] == 0
    edits = [name for name in FILES if not name.endswith((".toml", "Dockerfile", ".gitignore", "src/a"))]
    for _ in range(3):
        for name in random.sample(edits, 3):
            act = random.randrange(4)
            if act == 0 and Path(name).exists() and "dist/x.js" not in name and "v1" not in name:
                Path(name).unlink()
            elif act == 1:
                put(f"{name}.new", "1")
            else:
                put(name, str(random.random()))
        named = set(since(repository))
        code, out, _ = repository("plan all --json")
        assert code in (0, 1, 2)
        if code == 0:
            rebuilt = {t for s in json.loads(out)["steps"] if s["status"] != "cached" for t in s["targets"]}
            assert rebuilt <= named
