"""Git sources by a real git daemon: what is checked out, what is asked again, what a stranger cannot do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from git_server import TIME, Repository, daemon, smart_http

from bake.errors import Diagnostic, RemoteError, StepError
from bake.gather.git import git_fact, shown
from bake.plan.git_url import parse_git_url
from bake.plan.tree import Tree
from bake.store import DiskStore, open_store


class World:
    """A server, a repository on it, and a store."""

    def __init__(self, directory: Path, url: str, store: DiskStore) -> None:
        self.directory = directory
        self.url = url
        self.store = store
        self.warnings: list[Diagnostic] = []
        self.main = Repository(directory / "a.git")
        self.first = self.main.commit({"f": "1", "sub/g": "2", "run.sh": "#!/bin/sh"}, TIME)

    def tree(self, text: str, **options: object) -> Tree:
        return self.fact(text, **options)[1]

    def fact(self, text: str, pull: bool = False, **flags: object) -> tuple[str, Tree]:
        found = git_fact(parse_git_url(text, **flags), self.store, self.warnings.append, pull=pull)  # type: ignore[arg-type]
        return found.commit, found.tree


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in [name for name in os.environ if "proxy" in name.lower()]:
        monkeypatch.delenv(name)
    (tmp_path / "served").mkdir()
    with daemon(tmp_path / "served") as url:
        yield url


@pytest.fixture
def world(tmp_path: Path, served: str) -> Iterator[World]:
    store = open_store(tmp_path / "store")
    yield World(tmp_path / "served", f"{served}/a.git", store)
    store.close()


def read(world: World, text: str) -> str:
    fact = git_fact(parse_git_url(text), world.store, world.warnings.append)
    return Path(fact.directory, "f").read_text()


def test_the_default_branch_without_git_s_own_files(world: World) -> None:
    commit, tree = world.fact(world.url)
    assert commit == world.first
    assert list(tree) == ["f", "run.sh", "sub", "sub/g"]
    assert {path: oct(entry.mode) for path, entry in tree.items()} == {
        "f": "0o644", "run.sh": "0o644", "sub": "0o755", "sub/g": "0o644",
    }  # fmt: skip
    assert {entry.mtime for entry in tree.values()} == {TIME * 10**9}


@pytest.mark.parametrize(
    ("suffix", "wanted"),
    [
        ("#main", "2"), ("#old", "1"), ("#v1", "1"), ("#refs/tags/v1", "1"), ("#refs/heads/main", "2"), ("", "2"),
        ("?ref=old", "1"), ("?tag=v1", "1"), ("?branch=old", "1"), ("?branch=main", "2"), ("#light", "1"),
        ("#both", "2"), ("?tag=both", "1"),
    ],
)  # fmt: skip
def test_each_way_to_name_a_commit(world: World, suffix: str, wanted: str) -> None:
    """`v1` is an annotated tag; `both` is a branch and a tag, and the branch is meant."""
    world.main.git("branch", "old")
    world.main.git("tag", "-a", "-m", "x", "v1")
    world.main.git("tag", "light")
    world.main.git("tag", "both")
    world.main.commit({"f": "2"})
    world.main.git("branch", "both")
    assert read(world, world.url + suffix) == wanted


def test_a_commit_by_its_id_even_when_no_ref_leads_to_it_directly(world: World) -> None:
    world.main.commit({"f": "2"})
    for text in (f"{world.url}#{world.first}", f"{world.url}?commit={world.first}", f"{world.url}?ref={world.first}"):
        assert read(world, text) == "1"


def test_a_directory_of_it(world: World) -> None:
    assert list(world.tree(f"{world.url}#main:sub")) == list(world.tree(f"{world.url}?subdir=/sub/")) == ["g"]
    for wrong in ("none", "f"):
        with pytest.raises(StepError, match="has no directory"):
            world.tree(f"{world.url}#:{wrong}")


def test_a_link_leads_no_directory_out_of_it(world: World, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    world.main.commit({"out": f"-> {tmp_path}/secret", "up": "-> ../..", "in": "-> sub"})
    assert list(world.tree(f"{world.url}#:in")) == ["g"]
    for name in ("out", "up"):
        with pytest.raises(StepError, match="has no directory"):
            world.tree(f"{world.url}#:{name}")


def test_the_checksum_is_a_commit_or_its_beginning(world: World) -> None:
    assert world.fact(world.url, checksum=world.first)[0] == world.first
    assert world.fact(f"{world.url}#main", checksum=world.first[:9])[0] == world.first
    with pytest.raises(StepError, match=f"expected checksum to match {'0' * 12}, got {world.first}"):
        world.fact(f"{world.url}#main", checksum="0" * 12)


def test_the_git_directory_on_demand(world: World) -> None:
    tree = world.tree(f"{world.url}#main", keep_git_dir=True)
    assert {"f", ".git", ".git/HEAD", ".git/config"} <= set(tree)
    directory = git_fact(parse_git_url(f"{world.url}#main", True), world.store, world.warnings.append).directory
    assert Path(directory, ".git/HEAD").read_text() == "ref: refs/heads/main\n"
    assert not Path(directory, ".git/hooks").exists()
    assert world.tree(f"{world.url}?keep-git-dir=true&ref=main").keys() == tree.keys()


def test_a_commit_that_is_here_is_not_fetched_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.tree(world.url)
    from bake.gather import git

    monkeypatch.setattr(git, "_fetch", lambda *_: pytest.fail("fetched again"))
    world.tree(world.url)
    world.tree(f"{world.url}#{world.first}")


def test_a_damaged_checkout_is_made_again(world: World) -> None:
    fact = git_fact(parse_git_url(world.url), world.store, world.warnings.append)
    Path(fact.directory, "f").write_text("edited")
    assert read(world, world.url) == "1"


def test_a_moved_branch_is_followed(world: World) -> None:
    assert read(world, f"{world.url}#main") == "1"
    second = world.main.commit({"f": "2"})
    assert read(world, f"{world.url}#main") == "2"
    assert world.fact(f"{world.url}#main")[0] == second


def test_offline_the_commit_known_last_serves_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    store = open_store(tmp_path / "store")
    with daemon(tmp_path / "served") as url:
        world = World(tmp_path / "served", f"{url}/a.git", store)
        world.tree(f"{world.url}#main")
    assert world.fact(f"{world.url}#main")[0] == world.first
    (warning,) = world.warnings
    assert (warning.code, warning.severity) == ("offline", "warning")
    with pytest.raises(RemoteError) as caught:
        world.fact(f"{world.url}#main", pull=True)
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == ["unreachable"]
    with pytest.raises(RemoteError):
        world.fact(f"{world.url}#other")
    world.warnings.clear()
    assert world.fact(f"{world.url}#{world.first}", pull=True)[0] == world.first
    assert world.warnings == []
    store.close()


def test_a_ref_that_is_not_there(world: World) -> None:
    with pytest.raises(StepError, match="has no ref 'none'"):
        world.tree(f"{world.url}#none")
    with pytest.raises(RemoteError):
        world.tree(f"{world.url}#{'0' * 40}")


def with_submodule(world: World, url: str) -> None:
    inner = Repository(world.directory / "inner.git")
    inner.commit({"inside": "yes"})
    world.main.git("submodule", "--quiet", "add", str(inner.path), "module")
    world.main.git("config", "--file=.gitmodules", "submodule.module.url", url)
    world.main.commit({})


def test_submodules_come_along_unless_told_otherwise(world: World) -> None:
    with_submodule(world, "../inner.git")
    assert {"module", "module/inside"} <= set(world.tree(world.url))
    assert "module/.git" not in world.tree(world.url)
    assert "module/inside" not in world.tree(f"{world.url}?submodules=false")


def test_a_submodule_reads_no_repository_of_this_host(world: World) -> None:
    with_submodule(world, str(world.directory / "inner.git"))
    with pytest.raises(RemoteError):
        world.tree(world.url)


def test_hooks_and_the_host_s_configuration_do_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, mark = tmp_path / "home", tmp_path / "mark"
    (home / "templates/hooks").mkdir(parents=True)
    for name in ("post-checkout", "reference-transaction"):
        (home / "templates/hooks" / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (home / "templates/hooks" / name).chmod(0o755)
    text = f"[init]\ntemplateDir = {home}/templates\n[core]\nhooksPath = {home}/templates/hooks\n"
    text += f'[filter "lfs"]\nsmudge = touch {mark}\n[core]\nautocrlf = true\n'
    (home / ".gitconfig").write_text(text)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", f"{home}/templates")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    world.main.commit({".gitattributes": "*.bin filter=lfs\n", "x.bin": "pointer\n"})
    with_submodule(world, "../inner.git")
    tree = world.tree(world.url)
    assert tree["x.bin"].size == len("pointer\n")
    assert not mark.exists()


def test_over_http_with_and_without_a_password(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with smart_http(world.directory) as url:
        assert world.fact(f"{url}/a.git#main:sub")[0] == world.first
    with smart_http(world.directory, "me:hush") as url:
        with pytest.raises(RemoteError):
            world.fact(f"{url}/a.git")
        assert world.fact(f"{url.replace('//', '//me:hush@')}/a.git")[0] == world.first
        home = tmp_path / "home"
        home.mkdir()
        (home / ".netrc").write_text("machine 127.0.0.1 login me password hush\n")
        monkeypatch.setenv("HOME", str(home))
        assert world.fact(f"{url}/a.git")[0] == world.first


def test_over_a_server_of_plain_files(world: World) -> None:
    from functools import partial
    from http.server import SimpleHTTPRequestHandler

    from git_server import serving

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    world.main.git("update-server-info")
    (world.directory / "plain.git").symlink_to(world.main.path / ".git")
    with serving(partial(Quiet, directory=str(world.directory))) as url:  # type: ignore[arg-type]
        assert world.fact(f"{url}/plain.git#main")[0] == world.first


def test_a_password_is_never_shown() -> None:
    assert shown("https://me:hush@example.com/a.git") == "https://***@example.com/a.git"
    assert shown("https://me@example.com/a.git") == "https://me@example.com/a.git"
    assert shown("git@example.com:a.git") == "git@example.com:a.git"
