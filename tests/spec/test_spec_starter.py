"""The first bake.toml: whatever the paths are, it can be read and says what they were."""

from __future__ import annotations

from posixpath import join, normpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.spec.request import Request
from bake.spec.resolve import resolve
from bake.spec.starter import Start, starter
from bake.spec.workspace import spec_of

NAME = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="/"), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)
FILE = st.one_of(st.just("Dockerfile"), NAME.map("Dockerfile.{}".format), NAME.map("{}.Dockerfile".format))
PATH = st.tuples(st.lists(NAME, max_size=3), FILE).map(lambda parts: "/".join([*parts[0], parts[1]]))


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["Dockerfile"], ["home"]),
        (["api/Dockerfile", "web/Dockerfile"], ["api", "web"]),
        (["a/api/Dockerfile", "b/api/Dockerfile"], ["a-api", "b-api"]),
        (["api/Dockerfile", "api/Dockerfile.dev", "api/test.Dockerfile"], ["api", "api-dev", "api-test"]),
        (["api/Dockerfile", "api/Containerfile"], ["api", "api-2"]),
        (["All/Dockerfile", "Mein Dienst/Dockerfile"], ["all-image", "mein-dienst"]),
        (["日本/Dockerfile", "語/Dockerfile"], ["image", "image-2"]),
    ],
)
def test_names(paths: list[str], names: list[str]) -> None:
    assert starter([Start(path, ".") for path in paths], "home")[1] == tuple(names)


def test_what_is_written() -> None:
    text, _ = starter([Start("docker/api.Dockerfile", ".", ("VERSION", "MODE")), Start("x/Dockerfile", "x")], "home")
    assert text.partition("\n\n[target")[2] == (
        '.docker-api]\ndockerfile = "docker/api.Dockerfile"\n'
        '# args = { VERSION = "", MODE = "" }  # its ARGs without a default\n'
        'tags = ["${REGISTRY}/docker-api"]\n\n'
        '[target.x]\ncontext = "x"\ntags = ["${REGISTRY}/x"]\n'
    )


@given(st.lists(PATH, min_size=1, max_size=6, unique=True), NAME)
def test_it_can_be_read_and_finds_each_dockerfile(paths: list[str], home: str) -> None:
    files = [Start(path, path.rpartition("/")[0] or ".") for path in paths]
    text, names = starter(files, home)
    resolved = resolve(spec_of(text), Request(names=("all",)))
    assert resolved.requested == tuple(names) and len(set(names)) == len(paths)
    found = [resolved.target(name) for name in names]
    assert [normpath(join(target.context, target.dockerfile)) for target in found] == [normpath(path) for path in paths]
