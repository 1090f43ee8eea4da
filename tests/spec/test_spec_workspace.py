"""Several files: who asks for them, how targets are called, whose names and paths count."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from posixpath import join, relpath
from typing import Any

import pytest

from bake.errors import InputError, Source
from bake.spec.document import SIZE_LIMIT
from bake.spec.request import Request
from bake.spec.resolve import Resolved, resolve
from bake.spec.workspace import FileGlob, NeedFiles, Spec, load

ROOT = "/w/bake.toml"


def answer(files: Mapping[str, str]) -> tuple[Spec, list[NeedFiles]]:
    """Does what a caller does: answers until nothing is asked any more."""
    texts: dict[str, Source] = {}
    matches: dict[FileGlob, list[str]] = {}
    asked: list[NeedFiles] = []
    while isinstance(spec := load(ROOT, texts, matches), NeedFiles):
        asked.append(spec)
        assert len(asked) < 10
        for path in spec.paths:
            texts[path] = Source(relpath(path, "/w"), files[path])
        for query in spec.globs:
            pattern = join(query.directory, query.pattern)
            matches[query] = [path for path in files if fnmatchcase(path, pattern) and path != ROOT]
    return spec, asked


def run(files: Mapping[str, str], *names: str, **request: Any) -> Resolved:
    return resolve(answer(files)[0], Request(names, **request))


FILES = {
    ROOT: """
        include = ["services/*/bake.toml"]
        [variable]
        REGISTRY = "reg"
        VERSION = "1"
        [defaults]
        args.FROM = "root"
        [group]
        default = ["api", "services/web:app", "tool"]
        [target._common]
        context = "shared"
        secret = [{ id = "s", src = "secret.txt" }]
        labels.version = "${VERSION}"
        [target.tool]
        contexts.api = "target:api"
        [target."services/web:app"]
        args.OVER = "root"
    """,
    "/w/services/api/bake.toml": """
        [variable]
        VERSION = "2"
        [group]
        mine = ["app", "api"]
        [target.api]
        inherits = ["_common"]
        tags = ["${REGISTRY}/api:${VERSION}"]
        output = [{ type = "oci", dest = "out.tar" }]
        [target.app]
        after = ["api"]
        [profile.p]
        target.app.args.P = "${VERSION}"
    """,
    "/w/services/web/bake.toml": """
        [defaults]
        args = { FROM = "web" }
        [target.app]
        context = "src"
    """,
}


def test_files_are_asked_for_and_not_read() -> None:
    spec, asked = answer(FILES)
    members = ("/w/services/api/bake.toml", "/w/services/web/bake.toml")
    assert asked == [
        NeedFiles(paths=(ROOT,)),
        NeedFiles(globs=(FileGlob("/w", "services/*/bake.toml"),)),
        NeedFiles(paths=members),
    ]
    assert [member.file.source.name for member in spec.members] == [
        "bake.toml", "services/api/bake.toml", "services/web/bake.toml",
    ]  # fmt: skip
    again, _ = answer(FILES)
    assert [m.file for m in again.members] == [m.file for m in spec.members]  # not parsed again


def test_names_scopes_and_paths() -> None:
    resolved = run(FILES)
    assert resolved.requested == ("services/api:api", "services/web:app", "tool")
    api = resolved.targets["services/api:api"]
    assert api.root == "/w/services/api"
    assert api.context == "../../shared"
    assert api.secret == ({"id": "s", "src": "../../secret.txt"},)
    assert api.output == ({"type": "oci", "dest": "out.tar"},)
    assert api.labels == {"version": "1"}  # said by the root file, so its VERSION
    assert api.tags == ("reg/api:2",)
    assert api.args == {"FROM": "root"}
    web = resolved.targets["services/web:app"]
    assert (web.context, web.args) == ("src", {"FROM": "web", "OVER": "root"})
    assert str(web.span("args.OVER")) == "bake.toml:17:21"
    assert resolved.targets["tool"].contexts == {"api": "target:services/api:api"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("api", ("services/api:api",)),
        ("services/api:app", ("services/api:app",)),
        ("mine", ("services/api:app", "services/api:api")),
        ("services/api:mine", ("services/api:app", "services/api:api")),
        ("services/*", ("services/api:api", "services/api:app", "services/web:app")),
        ("app*", ("services/api:app", "services/web:app")),
    ],
)
def test_short_and_full_names(name: str, expected: tuple[str, ...]) -> None:
    assert run(FILES, name).requested == expected


def test_a_short_name_must_be_unique() -> None:
    with pytest.raises(InputError) as caught:
        run(FILES, "app")
    (found,) = caught.value.diagnostics
    assert (found.code, found.hint) == ("ambiguous-name", "write one of services/api:app, services/web:app")


def test_profiles_and_overrides_of_members() -> None:
    resolved = run(FILES, "services/api:app", profiles=("p",), overrides=("services/api:app.args.S=1", "api.args.T=2"))
    assert resolved.targets["services/api:app"].args == {"FROM": "root", "P": "2", "S": "1"}
    assert resolved.targets["services/api:api"].args == {"FROM": "root", "T": "2"}


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({ROOT: 'include = ["nope.toml"]'}, "include-not-found"),
        ({ROOT: 'include = ["b.toml"]\n[target.a]', "/w/b.toml": "[target.a]"}, "duplicate-name"),
        ({ROOT: 'include = ["b.toml"]\n[group]\na = []', "/w/b.toml": "[target.a]"}, "duplicate-name"),
        ({ROOT: 'include = ["s/b.toml"]', "/w/s/b.toml": "[target.a"}, "toml-syntax"),
        ({ROOT: 'include = ["s/b.toml"]', "/w/s/b.toml": "#" * (SIZE_LIMIT + 1)}, "file-too-large"),
        ({ROOT: 'include = ["s/b.toml"]', "/w/s/b.toml": '[target.t]\nargs.A = "${X}"'}, "undefined-variable"),
    ],
)
def test_errors_across_files(files: dict[str, str], code: str) -> None:
    with pytest.raises(InputError) as caught:
        run(files)
    assert [d.code for d in caught.value.diagnostics] == [code]


def test_files_in_the_same_directory_share_names_and_circles_end() -> None:
    files = {
        ROOT: 'include = ["b.toml"]\n[target.a]',
        "/w/b.toml": 'include = ["bake.toml", "b.toml"]\n[target.b]\ninherits = ["a"]',
    }
    texts = {path: Source(path, text) for path, text in files.items()}
    matches = {
        FileGlob("/w", "b.toml"): ["/w/b.toml"],
        FileGlob("/w", "bake.toml"): [ROOT],
    }
    spec = load(ROOT, texts, matches)
    assert isinstance(spec, Spec)
    assert resolve(spec).requested == ("a", "b")


def test_a_glob_without_a_match_is_a_warning() -> None:
    resolved = run({ROOT: 'include = ["x/*/bake.toml"]\n[target.a]'})
    assert [d.code for d in resolved.warnings] == ["include-matches-nothing"]


def test_many_files() -> None:
    files = {ROOT: 'include = ["s/*/bake.toml"]\n[target._t]\nargs.A = "1"'}
    for index in range(300):
        files[f"/w/s/{index}/bake.toml"] = '[target.app]\ninherits = ["_t"]\n[target.test]\nafter = ["app"]\n'
    resolved = run(files)
    assert len(resolved.targets) == 600
    assert resolved.targets["s/7:test"].after == ("s/7:app",)
