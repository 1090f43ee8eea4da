"""References parse, print and normalise as docker's do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.oci.reference import Reference, parse_reference

D = "sha256:" + "a1" * 32

NORMAL = [
    ("alpine", "docker.io/library/alpine", "alpine"),
    ("alpine:3.19", "docker.io/library/alpine:3.19", "alpine:3.19"),
    ("user/app", "docker.io/user/app", "user/app"),
    ("library/alpine", "docker.io/library/alpine", "alpine"),
    ("docker.io/alpine", "docker.io/library/alpine", "alpine"),
    ("index.docker.io/library/alpine", "docker.io/library/alpine", "alpine"),
    ("docker.io/library/a/b", "docker.io/library/a/b", "library/a/b"),
    ("localhost/x", "localhost/x", "localhost/x"),
    ("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"),
    ("localhost:5000/x", "localhost:5000/x", "localhost:5000/x"),
    ("localhost:5000/x:1", "localhost:5000/x:1", "localhost:5000/x:1"),
    ("ghcr.io/a/b/c:v1", "ghcr.io/a/b/c:v1", "ghcr.io/a/b/c:v1"),
    ("HOST/x", "HOST/x", "HOST/x"),
    ("127.0.0.1:5000/x", "127.0.0.1:5000/x", "127.0.0.1:5000/x"),
    ("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"),
    (f"alpine@{D}", f"docker.io/library/alpine@{D}", f"alpine@{D}"),
    (f"r.io/x:t@{D}", f"r.io/x:t@{D}", f"r.io/x:t@{D}"),
    ("a__b/c-d.e--f_g", "docker.io/a__b/c-d.e--f_g", "a__b/c-d.e--f_g"),
    ("docker.io/localhost/x", "docker.io/localhost/x", "docker.io/localhost/x"),
    ("docker.io/" + "ab" * 32, "docker.io/library/" + "ab" * 32, "library/" + "ab" * 32),
    ("x:UPPER.tag_1-2", "docker.io/library/x:UPPER.tag_1-2", "x:UPPER.tag_1-2"),
]


@pytest.mark.parametrize(("text", "full", "familiar"), NORMAL, ids=[row[0][:30] for row in NORMAL])
def test_normalises(text: str, full: str, familiar: str) -> None:
    reference = parse_reference(text)
    assert (str(reference), reference.familiar) == (full, familiar)
    assert parse_reference(full) == parse_reference(familiar) == reference


WRONG = [
    ("", "must not be empty"),
    (" alpine", "blanks"),
    ("a b", "blanks"),
    ("https://r.io/x", "no scheme"),
    ("Alpine", "must be lower case: 'alpine'"),
    ("r.io/Foo:T", "must be lower case: 'r.io/foo:T'"),
    ("alpine:", "is not a tag"),
    ("alpine:-x", "is not a tag"),
    ("alpine:" + "x" * 129, "is not a tag"),
    ("a:b:c", "is not a tag"),
    ("alpine@", "is not a digest"),
    ("alpine@sha256:12", "is not a digest"),
    ("alpine@sha256:" + "A" * 64, "is not a digest"),
    (f"@{D}", "empty part"),
    ("r.io/", "empty part"),
    ("a//b", "empty part"),
    ("/a", "empty part"),
    ("r.io:x/a", "is not a registry"),
    ("-r.io/a", "is not a registry"),
    ("a..b/c/../d", "is not a registry"),
    ("a/../b", "is not a name"),
    ("a/-b", "is not a name"),
    ("a___b", "is not a name"),
    ("f" * 64, "image id"),
    ("r.io/" + "a" * 256, "longer than 255"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[row[0][:30] for row in WRONG])
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_reference(text)


def test_parts() -> None:
    reference = parse_reference(f"localhost:5000/a/b:1@{D}")
    assert (reference.domain, reference.path, reference.tag, reference.digest) == ("localhost:5000", "a/b", "1", D)
    assert reference.repository == "localhost:5000/a/b"
    assert reference.name_tag == "localhost:5000/a/b:1"
    assert reference.target == D
    assert parse_reference("x").with_default_tag().tag == "latest"
    assert parse_reference("x").target == "latest"
    assert parse_reference(f"x@{D}").with_default_tag().tag is None


component = st.from_regex(r"[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
domains = st.one_of(
    st.sampled_from(["docker.io", "localhost", "localhost:5000", "[::1]:80", "10.0.0.1", "HUB"]),
    st.from_regex(r"[a-z]{1,5}(\.[a-z0-9]{1,4}){1,2}(:[0-9]{1,5})?", fullmatch=True),
)


@st.composite
def references(draw: st.DrawFn) -> Reference:
    domain = draw(domains)
    parts = draw(st.lists(component, min_size=2 if domain == "docker.io" else 1, max_size=4))
    tag = draw(st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True))
    digest = draw(st.none() | st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True))
    return Reference(domain, "/".join(parts), tag, digest)  # type: ignore[arg-type]


@given(references())
def test_parse_undoes_str(reference: Reference) -> None:
    assert parse_reference(str(reference)) == reference
    assert parse_reference(reference.familiar) == reference
    assert len(reference.familiar) <= len(str(reference))


@given(st.text(alphabet="aB1._-:/@[]\n é", max_size=20))
def test_any_text_parses_or_is_refused_with_a_reason(text: str) -> None:
    try:
        reference = parse_reference(text)
    except ValueError as error:
        assert str(error)
    else:
        assert parse_reference(str(reference)) == reference
