"""Each function of the peer's list (reference/buildx-bake.md §3.3), by what it gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from bake.errors import InputError, Source
from bake.importing.convert import convert
from bake.importing.files import Files
from bake.importing.hcl.blocks import parse_hcl
from bake.importing.hcl.definitions import read_definitions
from bake.importing.hcl.evaluate import Evaluator
from bake.importing.hcl.functions import CHANGING, FUNCTIONS
from bake.importing.notes import Notes

Import = Callable[..., Any]

NAMES = """
absolute add and base64decode base64encode basename bcrypt byteslen bytesslice can ceil chomp chunklist cidrhost
cidrnetmask cidrsubnet cidrsubnets coalesce coalescelist compact concat contains convert csvdecode dirname distinct
divide element equal flatten floor format formatdate formattimestamp formatlist greaterthan greaterthanorequalto
hasindex homedir indent index indexof int join jsondecode jsonencode keys length lessthan lessthanorequalto log lookup
lower max md5 merge min modulo multiply negate not notequal or parseint pow range regex_replace regex regexall replace
reverse reverselist rsadecrypt sanitize semvercmp sethaselement setintersection setproduct setsubtract
setsymmetricdifference setunion sha1 sha256 sha512 signum slice sort split strlen substr subtract timeadd timestamp
title trim trimprefix trimspace trimsuffix try unixtimestampparse upper urlencode uuidv4 uuidv5 values zipmap
"""
SYNTAX = {"can", "try", "convert"}
"""Functions that the evaluator itself knows, since they do not evaluate all arguments."""

VALUES: tuple[tuple[str, Any], ...] = (
    ("absolute(-2)", 2),
    ("add(1, 2.5)", 3.5),
    ("and(true, false)", False),
    ('base64decode("aGk=")', "hi"),
    ('base64encode("hi")', "aGk="),
    ('basename("a/b.c")', "b.c"),
    ('byteslen("é")', 2),
    ('bytesslice("hello", 1, 3)', "ell"),
    ('can(regex("a", "b"))', False),
    ("ceil(1.2)", 2),
    ('chomp("a\\n")', "a"),
    ("chunklist([1, 2, 3], 2)", [[1, 2], [3]]),
    ('cidrhost("10.1.0.0/16", 5)', "10.1.0.5"),
    ('cidrhost("10.1.0.0/16", -2)', "10.1.255.254"),
    ('cidrnetmask("10.0.0.0/12")', "255.240.0.0"),
    ('cidrsubnet("172.16.0.0/12", 4, 2)', "172.18.0.0/16"),
    ('cidrsubnet("fd00::/16", 16, 1)', "fd00:1::/32"),
    ('cidrsubnets("10.1.0.0/16", 4, 4, 8, 4)', ["10.1.0.0/20", "10.1.16.0/20", "10.1.32.0/24", "10.1.48.0/20"]),
    ("coalesce(null, 1)", 1),
    ("coalescelist([], [1])", [1]),
    ('compact(["a", "", "b"])', ["a", "b"]),
    ('compact([1, ""])', ["1"]),
    ('setunion(["b", 1], ["a"])', ["1", "a", "b"]),
    ('setsubtract(["z", "b"], ["z", "x"])', ["b"]),
    ("can(zipmap([1, 2], [3]))", False),
    ("concat([1], [2])", [1, 2]),
    ("contains([1], 1)", True),
    ('convert("12", number)', 12),
    ('convert(["1", true], list(string))', ["1", "true"]),
    ('convert({ a = "1" }, map(number))', {"a": 1}),
    ('convert({ a = "1", b = 2 }, object({ a = number }))', {"a": 1}),
    ('csvdecode("a,b\\n1,2\\n3,\\"x,y\\"\\n")', [{"a": "1", "b": "2"}, {"a": "3", "b": "x,y"}]),
    ('dirname("a/b")', "a"),
    ("distinct([1, 1, 2])", [1, 2]),
    ("divide(5, 2)", 2.5),
    ("element([1, 2], 3)", 2),
    ('equal("a", "a")', True),
    ("flatten([[1], [[2]]])", [1, 2]),
    ('uuidv5("dns", "example.test")', "4a63a3ed-c1d1-5183-95b9-8491ccc69182"),
    ("0.1 + 0.2", 0.3),
    ("floor(1.8)", 1),
    ('format("%s-%03d", "a", 7)', "a-007"),
    ('formatdate("YYYY-MM-DD\'T\'hh:mm:ss ZZZ", "2024-02-03T04:05:06Z")', "2024-02-03T04:05:06 UTC"),
    ('formatdate("EEEE D MMM YY, H:mm aa Z", "2024-02-03T14:05:06+01:00")', "Saturday 3 Feb 24, 2:05 pm +01:00"),
    ('formattimestamp("X", "2024-02-03T04:05:06Z")', "1706933106"),
    ('formattimestamp("YYYYMMDD", 1706933106)', "20240203"),
    ('formatlist("%s!", ["a", "b"])', ["a!", "b!"]),
    ("greaterthan(2, 1)", True),
    ("greaterthanorequalto(1, 1)", True),
    ("hasindex([1], 1)", False),
    ('indent(2, "a\\nb")', "a\n  b"),
    ("index([5, 6], 1)", 6),
    ('indexof(["a", "b"], "b")', 1),
    ("int(1.9)", 1),
    ('join("-", ["a", "b"])', "a-b"),
    ('jsondecode("{\\"a\\":[1]}")', {"a": [1]}),
    ("jsonencode({ b = 1, a = [true, null] })", '{"a":[true,null],"b":1}'),
    ("keys({ b = 1, a = 2 })", ["a", "b"]),
    ("length([1, 2])", 2),
    ("lessthan(1, 2)", True),
    ("lessthanorequalto(2, 1)", False),
    ("log(8, 2)", 3),
    ('lookup({ a = 1 }, "b", 2)', 2),
    ('lower("AB")', "ab"),
    ("max(1, 3, 2)", 3),
    ('md5("")', "d41d8cd98f00b204e9800998ecf8427e"),
    ("merge({ a = 1 }, { a = 2 })", {"a": 2}),
    ("min(3, 1)", 1),
    ("modulo(7, 3)", 1),
    ("multiply(2, 3)", 6),
    ("negate(2)", -2),
    ("not(true)", False),
    ('notequal("a", "b")', True),
    ("or(true, false)", True),
    ('parseint("ff", 16)', 255),
    ("pow(2, 10)", 1024),
    ("range(3)", [0, 1, 2]),
    ('regex_replace("1.2.3", "([0-9]+)$", "<$1>")', "1.2.<3>"),
    ('regex("^v?([0-9]+)", "v12.1")', ["12"]),
    ('regexall("[0-9]", "a1b2")', ["1", "2"]),
    ('replace("a.b", ".", "-")', "a-b"),
    ('reverse("ab")', "ba"),
    ("reverselist([1, 2])", [2, 1]),
    ('sanitize("a/b.c")', "a_b_c"),
    ('semvercmp("1.2.3", ">= 1.2, < 2")', True),
    ("sethaselement([1], 1)", True),
    ("setintersection([1, 2], [2, 3])", [2]),
    ('setproduct(["a"], [1, 2])', [["a", 1], ["a", 2]]),
    ("setsubtract([1, 2], [2])", [1]),
    ("setsymmetricdifference([1, 2], [2, 3])", [1, 3]),
    ("setunion([1], [1, 2])", [1, 2]),
    ('sha1("")', "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ('substr(sha256(""), 0, 8)', "e3b0c442"),
    ('substr(sha512(""), 0, 8)', "cf83e135"),
    ("signum(-3)", -1),
    ("slice([1, 2, 3], 1, 2)", [2]),
    ('sort(["b", "a"])', ["a", "b"]),
    ('split(",", "a,b")', ["a", "b"]),
    ('strlen("é")', 1),
    ('substr("hello", 1, 3)', "ell"),
    ("subtract(3, 1)", 2),
    ('timeadd("2024-02-28T23:00:00Z", "1h30m")', "2024-02-29T00:30:00Z"),
    ('title("hello world")', "Hello World"),
    ('trim("xax", "x")', "a"),
    ('trimprefix("v1", "v")', "1"),
    ('trimspace(" a ")', "a"),
    ('trimsuffix("a.b", ".b")', "a"),
    ('try(regex("a", "b"), "none")', "none"),
    ("unixtimestampparse(1706933106).month_name", "February"),
    ("unixtimestampparse(1706933106).rfc3339", "2024-02-03T04:05:06Z"),
    ('upper("a")', "A"),
    ('urlencode("a b/c")', "a+b%2Fc"),
    ("values({ b = 1, a = 2 })", [2, 1]),
    ('zipmap(["a"], [1])', {"a": 1}),
)  # fmt: skip


def test_all_functions_of_the_peer_are_there() -> None:
    assert [name for name in NAMES.split() if name not in {*FUNCTIONS, *CHANGING, *SYNTAX}] == []
    shown = {word for expression, _ in VALUES for word in re.findall(r"\w+(?=\()", expression)}
    assert [name for name in NAMES.split() if name not in {*shown, *CHANGING} and name != "homedir"] == []


@pytest.mark.parametrize(("expression", "value"), VALUES)
def test_what_each_gives(expression: str, value: Any) -> None:
    notes = Notes(Files(Source("a.hcl", f"X = {expression}\n")))
    definitions = read_definitions(parse_hcl(notes.source), notes)
    found = Evaluator(definitions, notes).named("X", 0)
    assert found == value
    assert isinstance(found, bool) == isinstance(value, bool)


@pytest.mark.parametrize(
    "expression",
    [
        'cidrhost("10.0.0.0", 1)', 'cidrhost("10.0.0.0/31", 2)', 'cidrnetmask("fd00::/16")',
        'cidrsubnet("10.0.0.0/30", 4, 0)', 'cidrsubnet("10.0.0.0/30", 1, 2)', 'cidrsubnets("10.0.0.0/31", 1, 1, 1)',
        'convert("x", number)', "convert([1], map(string))", 'convert({}, object({ a = string }))',
        'csvdecode("a,a\\n")', 'csvdecode("a,b\\n1\\n")', 'formatdate("QQ", "2024-02-03T04:05:06Z")',
        'formatdate("YYYY", "yesterday")', 'formatdate("YYYY", "2024-99-03T04:05:06Z")', 'timeadd("x", "1h")',
        'timeadd("2024-02-03T04:05:06Z", "soon")', 'timeadd("9999-12-31T00:00:00Z", "99999999h")',
        "unixtimestampparse(1e30)", "log(0, 2)", "log(2, 1)", 'bytesslice("a", 1, 9)', "pow(10, 10000)",
        'pow("2", "x")', "upper()", 'element([], "x")',
    ],
)  # fmt: skip
def test_what_none_takes_is_an_error_with_a_place(expression: str) -> None:
    with pytest.raises(InputError) as caught:
        convert(Source("a.hcl", f'target "a" {{\n  args = {{ X = {expression} }}\n}}\n'))
    assert caught.value.diagnostics[0].code == "import-value"
    assert caught.value.diagnostics[0].span is not None
    assert caught.value.diagnostics[0].span.line == 2


@pytest.mark.parametrize("name", sorted(CHANGING))
def test_what_changes_is_left_out(bring: Import, name: str) -> None:
    found = bring(f'target "a" {{\n  args = {{ X = {name}("a"), Y = "1" }}\n}}\n')
    assert found.print("a") == {"a": {"args": {"Y": "1"}}}
    assert found.codes == ["2 not-evaluated"]


def test_pieces_of_a_matrix_by_function(bring: Import) -> None:
    text = """
function "flavours" {
  params = []
  result = jsondecode("[{\\"os\\": \\"a\\", \\"v\\": 1}, {\\"os\\": \\"b\\", \\"v\\": 2}]")
}
target "x" {
  name = format("x-%s-%d", item.os, item.v)
  matrix = { item = flavours() }
  args = item
}
"""
    assert bring(text).print("x") == {
        "x-a-1": {"args": {"os": "a", "v": "1"}},
        "x-b-2": {"args": {"os": "b", "v": "2"}},
    }
