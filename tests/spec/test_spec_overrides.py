"""`--set`: typed by the key table, in order, one test a key (reference/buildx-bake.md, traps 2 to 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.errors import Diagnostic, Source
from bake.spec.keys import TARGET_KEYS
from bake.spec.request import Request
from bake.spec.resolve import Resolved, resolve
from bake.spec.target import Target
from bake.spec.workspace import FileGlob, Spec, load, spec_of

ONE = "[target.t]\n"

CASES: dict[str, tuple[str, Any]] = {
    "description": ("about it", "about it"),
    "context": ("dir", "dir"),
    "contexts": ("{ a = 'docker-image://alpine' }", {"a": "docker-image://alpine"}),
    "dockerfile": ("D", "D"),
    "dockerfile-inline": ("FROM a=b", "FROM a=b"),
    "args": ("{ A = 1.10 }", {"A": "1.10"}),
    "labels": ("{ a = 'b' }", {"a": "b"}),
    "annotations": ("{ a = 'b' }", {"a": "b"}),
    "tags": ("x/a,x/b", ("x/a", "x/b")),
    "target": ("stage", "stage"),
    "platforms": ("linux/amd64,linux/arm64", ("linux/amd64", "linux/arm64")),
    "cache-from": ("type=registry,ref=x/c", ({"type": "registry", "ref": "x/c"},)),
    "cache-to": ("type=local,dest=c", ({"type": "local", "dest": "c"},)),
    "output": ("type=oci,dest=a", ({"type": "oci", "dest": "a"},)),
    "secret": ("id=a,src=b", ({"id": "a", "src": "b"},)),
    "ssh": ("default", ({"id": "default"},)),
    "attest": ("type=sbom", ({"type": "sbom"},)),
    "no-cache": ("true", True),
    "no-cache-filter": ("a,b", ("a", "b")),
    "pull": ("1", True),
    "network": ("host", "host"),
    "extra-hosts": ("{ a = '1.2.3.4' }", {"a": "1.2.3.4"}),
    "shm-size": ("64m", 64 << 20),
    "ulimits": ("nofile=1:2", ("nofile=1:2",)),
    "entitlements": ("network.host", ("network.host",)),
    "after": ("other", ("other",)),
    "test": ("[['a', 'b']]", (("a", "b"),)),
    "push": ("true", "always"),
    "immutable-tags": ("v*,1.*", ("v*", "1.*")),
    "timeout": ("10m", 600.0),
    "retries": ("2", 2),
    "weight": ("0.5", 0.5),
    "resources": ("{ memory = '1k' }", {"memory": 1024}),
}


def test_every_key_that_can_be_set_is_tried() -> None:
    apart = {"matrix", "unset"}
    assert CASES.keys() == {name for name, key in TARGET_KEYS.items() if key.settable} - apart


@pytest.mark.parametrize("key", CASES)
def test_each_key(target: Callable[..., Target], key: str) -> None:
    value, expected = CASES[key]
    found = target(f"{ONE}[target.other]", overrides=(f"t.{key}={value}",))
    assert getattr(found, TARGET_KEYS[key].field_name) == expected


@pytest.mark.parametrize(
    ("overrides", "tags"),
    [
        (["t.tags=x/a", "t.tags=x/b"], ("x/b",)),
        (["t.tags=x/a", "t.tags+=x/b"], ("x/a", "x/b")),
        (["t.tags+=x/a", "t.extend-tags=x/b"], ("x/own", "x/a", "x/b")),
        (["t.tags="], ()),
        (['t.tags=["x/a", "x/b"]'], ("x/a", "x/b")),
        (["t.tags=x/exact", "*.tags=x/glob"], ("x/exact",)),
        (["*.tags=x/1", "?.tags=x/2"], ("x/2",)),
        (["t.unset=tags"], ()),
        (["*.tags+=x/g", "t.tags+=x/e"], ("x/own", "x/g", "x/e")),
        (["t.tags=${R}/a"], ("reg/a",)),
    ],
)
def test_order_and_precedence(target: Callable[..., Target], overrides: list[str], tags: tuple[str, ...]) -> None:
    text = 'variable.R = "reg"\n[target.t]\ntags = ["x/own"]'
    assert target(text, overrides=tuple(overrides)).tags == tags


def test_tables_by_key_and_names_with_dots(baked: Callable[..., Resolved]) -> None:
    text = """
    [target._base]
    args = { A = "base", B = "base" }
    [target.main]
    inherits = ["_base"]
    matrix.v = ["3.11", "3.12"]
    args.B = "own"
    """
    resolved = baked(
        text,
        overrides=(
            "_base.args.A=from-parent",
            "_base.args.B=beaten",
            "main-3.11.args.C=one",
            "main*.labels.org.x.y=z=1",
            "main[v=3.12].args.D=x",
        ),
    )
    assert resolved.targets["main-3.11"].args == {"A": "from-parent", "B": "own", "C": "one"}
    assert resolved.targets["main-3.12"].args == {"A": "from-parent", "B": "own", "D": "x"}
    assert resolved.targets["main-3.12"].labels == {"org.x.y": "z=1"}


def test_a_glob_counts_once_and_not_for_templates(target: Callable[..., Target]) -> None:
    text = '[target._p]\ntags=["x/p"]\n[target.q]\ninherits=["_p"]\n[target.t]\ninherits=["q"]'
    assert target(text, overrides=("*.tags+=x/new",)).tags == ("x/p", "x/new")


def test_the_matrix_can_be_set(baked: Callable[..., Resolved]) -> None:
    text = '[target.t]\nmatrix.v = ["1", "2"]'
    assert baked(text, overrides=("t.matrix.v=3",)).requested == ("t-3",)
    assert baked(text, overrides=("t*.matrix.v=3,4",)).requested == ("t-3", "t-4")
    assert baked(text, overrides=('t.matrix.w=["x"]',)).requested == ("t-1-x", "t-2-x")


def test_setting_one_target_leaves_the_others(baked: Callable[..., Resolved]) -> None:
    """Trap 6."""
    text = """
    [target._p]
    output = [{ type = "image", push = false }]
    [target.a]
    inherits = ["_p"]
    [target.b]
    inherits = ["_p"]
    """
    resolved = baked(text, overrides=("a.push=true", "a.output+=type=oci,dest=x"))
    assert (resolved.targets["b"].push, len(resolved.targets["b"].output)) == ("auto", 1)


@pytest.mark.parametrize(
    ("override", "code", "column", "hint"),
    [
        ("t.tags", "bad-override", 1, "write PATTERN.KEY=VALUE"),
        ("t=1", "bad-override", 1, "write PATTERN.KEY=VALUE"),
        ("t.tag=1", "unknown-key", 1, "did you mean `tags`?"),
        ("x.tags=a/b", "unknown-target", 1, None),
        ("x*.tags=a/b", "unknown-target", 1, None),
        ("t.inherits=a", "bad-override", 3, None),
        ("t.name=a", "bad-override", 3, None),
        ("t.context.x=a", "bad-override", 3, None),
        ("t.context+=a", "bad-override", 3, None),
        ("t.args=a", "bad-override", 8, None),
        ("t.args={", "bad-override", 8, None),
        ("t.test=a b", "bad-override", 8, None),
        ("t.resources.mem=1", "unknown-key", 3, "did you mean `memory`?"),
        ("t.resources.memory=x", "bad-size", 20, None),
        ("t.platforms=linux/a/b/c", "bad-platform", 13, None),
        ("t.tags=x/Upper", "bad-reference", 8, None),
        ("t.push=maybe", "bad-value", 8, None),
        ("t.output=type=nope", "bad-value", 10, None),
        ("t.args.A=${nope}", "undefined-variable", 10, None),
        ("t.args.A=${", "bad-substitution", 10, None),
        ("t.unset=tag", "unknown-key", 9, "did you mean `tags`?"),
    ],
)
def test_overrides_that_cannot_be(
    refused: Callable[..., tuple[Diagnostic, ...]], override: str, code: str, column: int, hint: str | None
) -> None:
    found = refused(ONE, overrides=(override,))
    assert [d.code for d in found] == [code]
    assert found[0].span is not None
    assert (found[0].span.source.name, found[0].span.source.text) == ("<--set>", override)
    assert found[0].span.column == column
    if hint is not None:
        assert found[0].hint == hint


PATTERNS = st.sampled_from(["t", "*", "?", "[tu]", "u", "x*"])


@given(st.lists(st.tuples(PATTERNS, st.sampled_from(["+=", "="]), st.sampled_from("abc")), max_size=6))
def test_an_exact_name_beats_a_glob_and_later_beats_earlier(rows: list[tuple[str, str, str]]) -> None:
    """Against the rule itself: globs in the order given, then exact names in the order given."""
    expected: tuple[str, ...] = ("x/own",)
    for _, how, value in [r for r in rows if r[0] in ("*", "?", "[tu]")] + [r for r in rows if r[0] == "t"]:
        expected = (*expected, f"x/{value}") if how == "+=" else (f"x/{value}",)
    given_ = tuple(f"{pattern}.tags{how}x/{value}" for pattern, how, value in rows)
    text = "[target.t]\ntags = ['x/own']\n[target.u]\n[target.xx]"
    found = resolve(spec_of(text), Request(("t",), overrides=given_)).targets["t"].tags
    assert found == tuple(dict.fromkeys(expected))


LAYERS = ("defaults", "grandparent", "parent", "own", "including file", "profile", "--set")


@given(st.sets(st.sampled_from(LAYERS)), st.sets(st.sampled_from(LAYERS)))
def test_the_nearest_that_says_something_wins(says: set[str], unsets: set[str]) -> None:
    """One rule for all that can speak of a target: a table merges, a scalar replaces, `unset` forgets what is below."""

    def body(layer: str) -> str:
        return ("unset = ['args.A']\n" if layer in unsets else "") + (f"args.A = '{layer}'\n" if layer in says else "")

    member = f"""
[target._grandparent]
{body("grandparent")}[target._parent]
inherits = ["_grandparent"]
{body("parent")}[target.t]
inherits = ["_parent"]
args.KEPT = "1"
{body("own")}"""
    root = f"""
include = ["m/bake.toml"]
[defaults]
{body("defaults")}[target."m:t"]
{body("including file")}[profile.p.target."m:t"]
{body("profile")}"""
    sets = ("m:t.unset=args.A",) if "--set" in unsets else ()
    sets += ("m:t.args.A=--set",) if "--set" in says else ()
    texts = {"/w/bake.toml": Source("bake.toml", root), "/w/m/bake.toml": Source("m/bake.toml", member)}
    spec = load("/w/bake.toml", texts, {FileGlob("/w", "m/bake.toml"): ["/w/m/bake.toml"]})
    assert isinstance(spec, Spec)
    found = resolve(spec, Request(("m:t",), profiles=("p",), overrides=sets)).targets["m:t"].args
    expected = None
    for layer in LAYERS:
        expected = layer if layer in says else None if layer in unsets else expected
    assert found == {"KEPT": "1"} | ({"A": expected} if expected else {})
