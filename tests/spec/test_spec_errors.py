"""Every error names its place, the thing that is wrong and, where there is one, the way out (SPEC §1, strictness)."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from bake.errors import Diagnostic, InputError
from bake.spec.document import SIZE_LIMIT
from bake.spec.keys import ALL_TARGET_KEYS, TARGET_KEYS, TOP_KEYS, VARIABLE_KEYS
from bake.spec.listing import listing
from bake.spec.print import to_print
from bake.spec.request import Request
from bake.spec.resolve import Resolved, check, resolve
from bake.spec.workspace import spec_of

Refused = Callable[..., tuple[Diagnostic, ...]]

# What is marked with ⟦ ⟧ is what the span must cover.
CASES: list[tuple[str, str, str | None]] = [
    # text, code, hint (None: any)
    ("⟦targets⟧ = 1", "unknown-key", "did you mean `target`?"),
    ("⟦tags⟧ = []", "unknown-key", "`tags` is a key of a target: write it below [target.NAME] or [defaults]"),
    ("[target.t]\n⟦tag⟧ = []", "unknown-key", "did you mean `tags`?"),
    ("[target.t]\n⟦depends_on⟧ = []", "unknown-key",
     "write `after` for order alone, `contexts` to use the other's image"),
    ("[target.t]\n⟦extend-args⟧ = {}", "unknown-key", None),
    ("[target.t]\ncontext = ⟦1⟧", "wrong-type", 'write "1"'),
    ("[target.t]\ncontext = ⟦1.10⟧", "wrong-type", 'write "1.10"'),
    ("[target.t]\ntags = ⟦\"x/a\"⟧", "wrong-type", 'write tags = ["x/a"]'),
    ("[target.t]\ntags = [\"x/a\", ⟦2⟧]", "wrong-type", 'write "2"'),
    ("[target.t]\nargs = ⟦[]⟧", "wrong-type", None),
    ("[target.t]\nargs.A = ⟦[1]⟧", "wrong-type", None),
    ("[target.t]\nargs.A = ⟦2024-01-01⟧", "wrong-type", "put it in quotes"),
    ("[target.t]\nno-cache = ⟦\"true\"⟧", "wrong-type", "write true without quotes"),
    ("target.t = ⟦3⟧", "wrong-type", None),
    ("target = ⟦3⟧", "wrong-type", None),
    ("[target.t]\ntest = ⟦[\"a\", \"b\"]⟧", "wrong-type", 'write test = [["a", "b"]]'),
    ("[target.t]\nplatforms = [⟦\"linux/a/b/c\"⟧]", "bad-platform", None),
    ("[target.t]\ntags = [⟦\"x/Upper\"⟧]", "bad-reference", None),
    ("[target.t]\ntags = [⟦\"x/a@sha256:" + "0" * 64 + "\"⟧]", "bad-reference", None),
    ("[target.t]\ncontexts.a = ⟦\"docker-image://A B\"⟧", "bad-reference", None),
    ("[target.t]\ncontext = ⟦\"\"⟧", "empty-value", "leave the key out, or use `unset`"),
    ("[target.t]\nshm-size = ⟦\"64q\"⟧", "bad-size", None),
    ("[target.t]\nshm-size = ⟦\"" + "9" * 400 + "\"⟧", "bad-size", None),
    ("[target.t]\ntimeout = ⟦\"soon\"⟧", "bad-duration", None),
    ("[target.t]\ntimeout = ⟦\"" + "9" * 400 + "h\"⟧", "bad-duration", None),
    ("[target.t]\ndockerfile = ⟦\"a\\u0000b\"⟧", "bad-value", None),
    ("[target.t]\nargs.A = ⟦\"\\u0000${X}\"⟧", "bad-value", None),
    ("[target.t]\nargs.⟦\"\\u0000\"⟧ = 1", "bad-value", None),
    ("[target.t]\ntest = [⟦[\"a\", \"\\u0000\"]⟧]", "bad-value", None),
    ("[target.t]\nretries = ⟦-1⟧", "bad-value", None),
    ("[target.t]\nweight = ⟦0⟧", "bad-value", None),
    ("[target.t]\nnetwork = ⟦\"bridge\"⟧", "bad-network", "default, none or host"),
    ("[target.t]\nentitlements = [⟦\"network.hots\"⟧]", "bad-value", "did you mean `network.host`?"),
    ("[target.t]\nulimits = [⟦\"nofiles=1\"⟧]", "bad-value", "did you mean `nofile`?"),
    ("[target.t]\nulimits = [{ name = \"nofile\", ⟦sof⟧ = 1 }]", "unknown-key", "did you mean `soft`?"),
    ("[target.t]\nextra-hosts.a = ⟦\"host\"⟧", "bad-value", None),
    ("[target.t]\nresources.⟦mem⟧ = 1", "unknown-key", "did you mean `memory`?"),
    ("[target.t]\noutput = [{ type = \"oci\", ⟦des⟧ = \"x\" }]", "unknown-key", "did you mean `dest`?"),
    ("[target.t]\noutput = [{ type = \"local\", dest = \"x\", ⟦push⟧ = true }]", "unknown-key", None),
    ("[target.t]\noutput = [{ type = ⟦\"ocj\"⟧ }]", "bad-value", "did you mean `oci`?"),
    ("[target.t]\noutput = [⟦{ dest = \"x\" }⟧]", "missing-key", None),
    ("[target.t]\noutput = [⟦\"type=oci,dest\"⟧]", "bad-entry", None),
    ("[target.t]\nsecret = [⟦\"src=x\"⟧]", "missing-key", None),
    ("[target.t]\nsecret = [{ id = \"a\", src = \"b\", ⟦source⟧ = \"c\" }]", "duplicate-key", None),
    ("[target.t]\nattest = [{ type = \"sbom\", ⟦mode⟧ = \"max\" }]", "unknown-key", "it belongs to type provenance"),
    ("[target.t]\nunset = [⟦\"tag\"⟧]", "unknown-key", "did you mean `tags`?"),
    ("[target.t]\nunset = [⟦\"tags.a\"⟧]", "bad-value", '"tags"'),
    ("[target.t]\nargs.A = \"x ⟦${NOPE}⟧\"", "undefined-variable", None),
    ("variable.NOPE1 = 1\n[target.t]\nargs.A = \"${NOPE1} ⟦${NOPE}⟧\"", "undefined-variable", "did you mean `NOPE1`?"),
    ("[target.t]\nargs.A = \"⟦${git.shaa}⟧\"", "undefined-name", "did you mean `sha`?"),
    ("[target.t]\nargs.A = \"⟦${gti.sha}⟧\"", "undefined-name", "did you mean `git`?"),
    ("[target.t]\nargs.A = \"⟦${git.sha}⟧\"", "undefined-git-fact", "`${git.sha:-}` is empty without one"),
    ("[target.t]\nargs.A = \"⟦${env.X}⟧\"", "undefined-environment", None),
    ("[target.t]\nargs.A = \"⟦${target.nam}⟧\"", "undefined-name", "did you mean `name`?"),
    ("[target.t]\nargs.A = \"⟦${target.args.B}⟧\"\nargs.B = \"⟦${target.args.A}⟧\"", "variable-cycle", None),
    ("[target.t]\nargs.A = \"⟦${⟧\"", "bad-substitution", None),
    ("[target.t]\nargs.A = \"${x ⟦| lowr⟧}\"", "unknown-filter", "did you mean `lower`?"),
    ("variable.V = \"abc\"\n[target.t]\nargs.A = \"⟦${V | major}⟧\"", "bad-filter-input", None),
    ("variable.V = {}\n[target.t]\nargs.A = \"⟦${V:?say V}⟧\"", "bad-substitution", None),
    ("variable.⟦V⟧ = { required = true }\n[target.t]\nargs.A = \"${V}\"", "missing-value", "give --var V=…"),
    ("variable.V = { default = \"a\", pattern = ⟦'\\d'⟧ }\n[target.t]\nargs.A = \"${V}\"", "pattern-mismatch", None),
    ("variable.V = { pattern = ⟦'('⟧ }", "bad-pattern", None),
    ("variable.V = { ⟦defalt⟧ = 1 }", "unknown-key", "did you mean `default`?"),
    ("variable.⟦a-b⟧ = 1", "invalid-name", None),
    ("variable.⟦git⟧ = 1", "invalid-name", None),
    ("variable.A = ⟦\"${B}\"⟧\nvariable.B = \"${A}\"\n[target.t]\nargs.A = \"${B}\"", "variable-cycle", None),
    ("[target.⟦\"a b\"⟧]", "invalid-name", None),
    ("[target.⟦all⟧]", "invalid-name", "choose another name"),
    ("group.⟦all⟧ = []", "invalid-name", "choose another name"),
    ("[group]\ng = { ⟦target⟧ = [], targets = [] }", "unknown-key", "did you mean `targets`?"),
    ("[group]\n⟦g⟧ = {}", "missing-key", None),
    ("[group]\ng = [\"t\", \"⟦u⟧\"]\n[target.t]", "unknown-target", None),
    ("[group]\n⟦t⟧ = []\n[target.t]", "duplicate-name", None),
    ("[target.t]\ninherits = [⟦\"_bse\"⟧]\n[target._base]", "unknown-target", "did you mean `_base`?"),
    ("[target.t]\ninherits = [⟦\"u\"⟧]\n[target.u]\ninherits = [\"t\"]", "inheritance-cycle", None),
    ("[target.t]\nafter = [⟦\"u\"⟧]\n[target.u]\nafter = [\"t\"]", "target-cycle", None),
    ("[target.t]\nafter = [⟦\"t\"⟧]", "target-cycle", None),
    ("[target.t]\nafter = [\"⟦u⟧\"]", "unknown-target", None),
    ("[target.t]\ncontexts.a = \"target:⟦u⟧\"", "unknown-target", None),
    ("[target.t]\ncontexts.a = ⟦\"target:u\"⟧\n[target.u]\nmatrix.x = [1, 2]", "ambiguous-name",
     "for example target:u-1"),
    ("[target.t]\nmatrix.a = ⟦[]⟧", "empty-matrix", None),
    ("[target.t]\nmatrix.a = [1, ⟦\"1\"⟧]", "duplicate-value", None),
    ("[target.t]\nmatrix.a = [⟦{}⟧]", "wrong-type", None),
    ("[target.t]\nmatrix = { ⟦a-b⟧ = [1] }", "invalid-name", None),
    ("[target.t]\nmatrix.a = [1, 2]\nname = ⟦\"x\"⟧", "matrix-name-collision", "let `name` hold every axis"),
    ("[target.t]\nmatrix.a = [1]\nname = ⟦\"x/${a}\"⟧", "invalid-name", None),
    ("[target.⟦t⟧]\nmatrix.a = [1]\n[target.t-1]", "matrix-name-collision", None),
    ("[target.t]\nname = ⟦\"x\"⟧", "missing-key", "add `matrix`"),
    ("[target.t]\nmatrix.a = [1]\ninclude = [{ ⟦arg⟧ = {} }]", "unknown-key", "did you mean `args`?"),
    ("[target.t]\nmatrix.a = [1]\nmatrix.b = [1]\ninclude = [⟦{ a = 2 }⟧]", "incomplete-include", None),
    ("[target.t]\nmatrix.distro = [1]\nexclude = [{ ⟦distr⟧ = 2 }]", "unknown-axis", "did you mean `distro`?"),
    ("[target.t]\nmatrix.a = [1]\ninclude = [{ a = 1, ⟦name⟧ = \"x\" }]", "bad-value", None),
    ("[target.t]\ntags = [\"x/a\"]\n[target.u]\ntags = [⟦\"docker.io/x/a:latest\"⟧]", "duplicate-tag", None),
    ("[target.t]\ncache-to = [\"x/c\"]\n[target.u]\ncache-to = [⟦\"x/c\"⟧]", "duplicate-cache", None),
    ("[target.t]\noutput = [\"./o\"]\n[target.u]\noutput = [⟦{ type = \"oci\", dest = \"o\" }⟧]", "duplicate-output",
     None),
    ("[profile.p]\n⟦targets⟧ = {}", "unknown-key", "did you mean `target`?"),
    ("[target.main]\n[profile.p.target.⟦mian⟧]", "unknown-target", "did you mean `main`?"),
    ("[profile.p.variable]\n⟦V⟧ = 1", "undefined-variable", None),
    ("include = [⟦\"${X}\"⟧]", "bad-value", None),
    ("include = ⟦\"x\"⟧", "wrong-type", None),
    ("[target.a]\n[target.⟦\"sub:a\"⟧]", "unknown-target", None),
    ("a = [1,\n⟦b⟧]", "toml-syntax", None),
    ("[target.t]\ncontext = \"x\"\n⟦context⟧ = \"y\"", "duplicate-key", None),
    ("[target.t]\n⟦[target.t]⟧", "duplicate-key", None),
    ("[target.t]\ncontext = \"x⟦⟧", "toml-syntax", None),
]  # fmt: skip


def covered(diagnostic: Diagnostic) -> str:
    span = diagnostic.span
    assert span is not None
    lines = span.source.text.split("\n")
    assert span.line == span.end_line
    return lines[span.line - 1][span.column - 1 : span.end_column - 1]


@pytest.mark.parametrize(("marked", "code", "hint"), CASES)
def test_place_code_and_hint(refused: Refused, marked: str, code: str, hint: str | None) -> None:
    text = marked.replace("⟦", "").replace("⟧", "")
    found = refused(text)
    assert {d.code for d in found} == {code}
    wanted = [part.partition("⟧")[0] for part in marked.split("⟦")[1:]]
    if wanted != [""]:
        assert [covered(d) for d in found] == wanted
    first = found[0]
    assert first.span is not None
    before = marked.partition("⟦")[0]
    assert (first.span.line, first.span.column) == (
        before.count("\n") + 1,
        len(before) - (before.rfind("\n") + 1) + 1,
    ) or (wanted == [""])
    if hint is not None:
        assert first.hint == hint


def test_all_errors_at_once_sorted_by_place(refused: Refused) -> None:
    text = """
    [target.a]
    tag = ["x"]
    args = { A = "${NOPE}", B = [] }
    [target.b]
    inherits = ["_c"]
    shm-size = "x"
    [group]
    default = ["a", "nope"]
    """
    found = refused(text, "all", "zzz", variables={"X": "geheim"}, overrides=("q.tags=a/b",))
    assert [(d.code, d.span.source.name, d.span.line) for d in found if d.span] == [
        ("unknown-key", "bake.toml", 3),
        ("undefined-variable", "bake.toml", 4),
        ("wrong-type", "bake.toml", 4),
        ("unknown-target", "bake.toml", 6),
        ("bad-size", "bake.toml", 7),
        ("unknown-target", "bake.toml", 9),
        ("undefined-variable", "<--var>", 1),
        ("unknown-target", "<--set>", 1),
        ("unknown-target", "<command line>", 1),
    ]
    assert "geheim" not in repr(found) + "".join(d.span.source.text for d in found if d.span)


@pytest.mark.parametrize(
    "value",
    [
        'tags = ["x/${T}"]',
        'platforms = ["${T}"]',
        'shm-size = "${T}"',
        'args.A = "${T | major}"',
        'args.A = "${T:+${E:?${T}}}"',
        'output = [{ type = "${T}" }]',
        'contexts.a = "target:${T}"',
        'after = ["${T}"]',
        'matrix.a = [1]\nname = "${T}"',
        'args.A = "${P}"',
    ],
)
def test_errors_do_not_quote_secrets(refused: Refused, value: str) -> None:
    text = f"""
variable.T = {{ env = "T", sensitive = true }}
variable.P = {{ default = "${{T}}", pattern = 'x' }}
variable.E = ""
[target.t]
{value}
"""
    found = refused(text, environment={"T": "Geheim/Wort/a/b"})
    assert found
    for diagnostic in found:
        assert "Geheim" not in diagnostic.message + (diagnostic.hint or "")


def test_both_places_are_shown(refused: Refused) -> None:
    (found,) = refused('[target.a]\ntags = ["x/a"]\n[target.b]\ntags = ["x/b", "x/a"]')
    assert found.message == "tag x/a is claimed by two targets: `a` and `b`"
    assert [(str(span), text) for span, text in found.related] == [("bake.toml:2:9", "`a` claims it here")]
    (found,) = refused('[target.a]\n[target."a"]')
    assert [str(span) for span, _ in found.related] == ["bake.toml:1:9"]
    (found,) = refused('[target.a]\n[group]\na = ["a"]')
    assert [str(span) for span, _ in found.related] == ["bake.toml:1:9"]


def test_one_slip_in_a_template_is_one_error(refused: Refused) -> None:
    text = (
        "[target._p]\nargs.A = '${NOPE}'\n[target.t]\ninherits = ['_p']\nmatrix.n = ["
        + ",".join(map(str, range(500)))
        + "]"
    )
    assert len(refused(text)) == 1


def test_very_many_errors_are_cut(refused: Refused) -> None:
    found = refused("\n".join(f"[target.t{i}]\nnope = 1" for i in range(1000)))
    assert (len(found), found[-1].message) == (201, "and 800 more errors")


def test_circles_are_shown(refused: Refused) -> None:
    (found,) = refused('variable = { A = "${B}", B = "${C}", C = "${A}" }\n[target.t]\nargs.X = "${B}"')
    assert found.message == "variables stand for each other in a circle: B → C → A → B"
    (found,) = refused('[group]\ndefault = ["a"]\na = ["b"]\nb = ["a"]', "a")
    assert found.message == "groups hold each other in a circle: a → b → a"
    (found,) = refused('[target.a]\nafter = ["b"]\n[target.b]\ncontexts.c = "target:c"\n[target.c]\nafter = ["a"]')
    assert found.message == "targets wait for each other in a circle: a → b → c → a"


def test_contradicting_parents(refused: Refused) -> None:
    text = """
    [target._x]
    [target._y]
    [target._a]
    inherits = ["_x", "_y"]
    [target._b]
    inherits = ["_y", "_x"]
    [target.t]
    inherits = ["_a", "_b"]
    """
    (found,) = refused(text)
    assert (found.code, found.span and found.span.line) == ("inheritance-conflict", 9)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("#" * (SIZE_LIMIT + 1), "file-too-large"),
        ("a = " + "[" * 3000 + "]" * 3000, "nested-too-deeply"),
        ("a" + ".a" * 5000 + " = 1", "nested-too-deeply"),
        ("[target.t]\nmatrix = { a = [%s], b = [%s] }" % ((",".join(map(str, range(400))),) * 2), "matrix-too-large"),
        ("\n".join(f"variable.V{i} = '${{V{i + 1}}}'" for i in range(300)) + "\nvariable.V300 = 1\n"
         "[target.t]\nargs.A = '${V0}'", "nested-too-deeply"),
        ("\n".join(f"[target._t{i}]\ninherits = ['_t{i + 1}']" for i in range(1500)) + "\n[target._t1500]\n"
         "[target.t]\ninherits = ['_t0']", "nested-too-deeply"),
        ("\n".join(f"[target.t{i}]\ninherits = ['t{(i + 1) % 3000}']" for i in range(3000)), "inheritance-cycle"),
        ("variable.V0 = 'aaaaaaaaaa'\n" + "\n".join(f"variable.V{i} = '{f'${{V{i - 1}}}' * 9}'" for i in range(1, 20))
         + "\n[target.t]\nargs.A = '${V19}'", "bad-substitution"),
        ("variable.V = '" + "a" * 100000 + "'\n[target.t]\nargs.A = '${V//a/${V}}'", "bad-substitution"),
        ("[target.t]\nargs.a" + ".a" * 90 + " = 1", "wrong-type"),
        ("[target.t]\nargs.a" + ".a" * 5000 + " = 1", "nested-too-deeply"),
        ("[target.t]\nargs.A = " + "[" * 300 + "]" * 300, "wrong-type"),
        ("[target.t]\noutput = [{ type = 'oci', name" + ".a" * 5000 + " = '${A}' }]", "nested-too-deeply"),
        ("[group]\n" + "\n".join(f"g{i} = ['g{i + 1}']" for i in range(300)) + "\ng300 = []\n[target.t]",
         "nested-too-deeply"),
        ("[target.t.args]\n" + "\n".join(f"A{i} = '${{target.args.A{i + 1}}}'" for i in range(300)) + "\nA300 = 1",
         "nested-too-deeply"),
        ("a = " + "9" * 5000, "toml-syntax"),
        ("\x00", "toml-syntax"),
        ("[target.t]\nargs.A = '" + "${A:-" * 3000 + "}" * 3000 + "'", "bad-substitution"),
    ],
)  # fmt: skip
def test_limits(refused: Refused, text: str, code: str) -> None:
    found = refused(text)
    assert found[0].code == code
    assert found[0].span is not None


def test_a_warning_is_no_error(baked: Callable[..., Resolved]) -> None:
    resolved = baked("[target.t]\nmatrix.a = [1]\nexclude = [{ a = 2 }]")
    assert [d.code for d in resolved.warnings] == ["idle-exclude"]


# Fuzz: a text or a tree is changed at random; whatever comes of it, only InputError may leave.

GOOD = r"""
include = []
[variable]
REGISTRY = "localhost:5000"
PYTHON = { default = "3.11.5", env = "PYTHON_VERSION", pattern = '\d+\.\d+\.\d+', help = "version" }
TOKEN = { env = "TOKEN", sensitive = true }
[defaults]
platforms = ["linux/amd64"]
labels = { "org.x" = "${git.sha:-none}" }
[group]
default = ["hello", "main"]
web = { targets = ["main[python=3.11]", "h*"], description = "d" }
[target.base]
tags = ["${REGISTRY}/base"]
[target._web]
args = { PYTHON = "x", A = 3.10, B = true }
[target.hello]
inherits = ["_web"]
context = "examples/hello"
dockerfile-inline = "FROM x"
annotations = ["index:a=b"]
cache-from = ["type=registry,ref=a/b:c", { type = "local", src = "x" }]
cache-to = [{ type = "registry", ref = "a/b:d" }]
output = ["type=oci,dest=o.tar", { type = "local", dest = "out" }]
secret = ["id=a,src=b", { id = "c", env = "D", required = false }]
ssh = ["default", { id = "k", paths = ["a"] }]
attest = ["type=sbom"]
no-cache = true
network = "none"
extra-hosts = { h = "1.2.3.4" }
shm-size = "64m"
ulimits = ["nofile=1:2", { name = "nproc", soft = 1 }]
timeout = "10m"
resources = { memory = "1g" }
unset = ["args.A"]
extend-tags = ["a/b:${target.name}-${git.branch:-x | slug}"]
[target.main]
matrix.python = ["3.11", "3.12"]
matrix.distro = ["alpine", "slim"]
exclude = [{ python = "3.12", distro = "slim" }]
include = [{ python = "3.13", distro = "alpine", args = { EXTRA = "1" } }]
name = "main-${python}-${distro}"
tags = ["${REGISTRY}/main:${python%.*}-${distro}-${python}"]
contexts = { base = "target:base" }
after = ["hello"]
test = [["python", "-c", "import app"]]
[profile.release]
defaults.push = true
target.main.args.MODE = "release"
variable.PYTHON = "3.12.1"
"""

PIECES = [
    *"[]{}\"'=.\n#,|*\\",
    "${",
    "$${",
    "target",
    "matrix",
    "inherits",
    "[[target]]",
    "[target.hello]",
    "main",
    "é",
    "\0",
    "1",
]
NAMES = [*ALL_TARGET_KEYS, *VARIABLE_KEYS, *TOP_KEYS, "python", "distro", "all", "a b", ""]
THINGS: list[Any] = [
    1, -1, 0, 1.5, float("nan"), 10**18, True, "", "x", "10m", "64m", "\n", datetime.date(2020, 1, 1),
    "${PYTHON}", "${nope}", "${git.branch | slug}", "${target.name}", "${target.args.A}", "${env.X}", "${TOKEN:-x}",
    "${PYTHON:?no}", "${A", "$${x}", "${python}${distro}", "target:main", "target:hello",
    [], {}, ["x"], [["x"]], [{}], [1], {"x": 1}, {"type": "local"}, [{"type": "local", "dest": "${PYTHON}"}],
    ["type=oci,dest=a"], ["main"], ["_web"], ["all"], ["*"], ["main[python=3.11]"], {"python": ["${PYTHON}"]},
    {"python": "3.11"}, [{"python": "3.11", "args": {"A": "${python}"}}],
]  # fmt: skip


def changed_text(rng: random.Random, text: str) -> str:
    for _ in range(rng.randint(1, 4)):
        at, other = rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)
        match rng.randrange(4):
            case 0:
                text = text[:at] + text[at + rng.randint(1, 10) :]
            case 1:
                text = text[:at] + rng.choice(PIECES) + text[at:]
            case 2:
                text = text[:at] + text[other : other + rng.randint(1, 40)] + text[at:]
            case 3:
                text = text[:at] + chr(rng.randrange(32, 127)) + text[at + 1 :]
    return text


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(each for key, value in items for each in places(value, (*path, key)))]


def changed_tree(rng: random.Random, text: str) -> str:
    tree = tomlkit.parse(text).unwrap()
    for _ in range(rng.randint(1, 4)):
        *way, last = rng.choice(places(tree)[1:])
        holder: Any = tree
        for part in way:
            holder = holder[part]
        match rng.randrange(4):
            case 0:
                holder[last] = rng.choice(THINGS)
            case 1 if isinstance(holder[last], dict):
                holder[last][rng.choice(NAMES)] = rng.choice(THINGS)
            case 2 if isinstance(holder, dict):
                holder[rng.choice(NAMES)] = holder.pop(last)
            case _:
                del holder[last]
    return tomlkit.dumps(tree)


def use(text: str, rng: random.Random) -> None:
    facts = {"sha": "abc", "branch": "Main"} if rng.random() < 0.5 else {}
    request = Request(
        names=(rng.choice(["all", "main", "hello", "web", "main[python=3.11]", "ma*", "nope", "main-3.11-slim"]),),
        profiles=("release",) if rng.random() < 0.3 else (),
        git=facts,
        overrides=tuple(f"{rng.choice(['main*', '*', 'hello', 'x'])}.{rng.choice(NAMES)}{rng.choice(['', '.A', '+'])}="
                        f"{rng.choice([each for each in THINGS if isinstance(each, str)])}"
                        for _ in range(rng.choice([0, 0, 1]))),
    )  # fmt: skip
    try:
        spec = spec_of(text)
        check(spec, request)
        resolved = resolve(spec, request)
        to_print(resolved)
        listing(resolved)
        resolved.owner("a/b")
        for each in resolved.targets.values():
            assert all(span.line for span in each.spans.values())
    except InputError as error:
        assert any(d.span is not None for d in error.diagnostics)
        for d in error.diagnostics:
            assert d.code and d.message and str(d.span)


def test_the_fuzz_starts_from_a_good_spec(baked: Callable[..., Resolved]) -> None:
    assert len(baked(GOOD, "all").targets) == 6


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_changed_texts(seed: int) -> None:
    rng = random.Random(seed)
    use(changed_text(rng, GOOD), rng)


@settings(max_examples=250, deadline=None)
@given(st.integers(0, 2**32))
def test_changed_trees(seed: int) -> None:
    rng = random.Random(seed)
    use(changed_tree(rng, GOOD), rng)


def test_the_same_input_gives_the_same_output(baked: Callable[..., Resolved]) -> None:
    first, second = (baked(GOOD, "all") for _ in range(2))
    assert list(first.targets) == list(second.targets)
    assert to_print(first) == to_print(second)
    assert TARGET_KEYS
