"""What the peer takes without a word, and where its rules are not bake's: told with its place, and the result is the
peer's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bake.cli import main

Import = Callable[..., Any]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ('target "a" {\n  platform = ["linux/amd64"]\n}', ["2 unknown-key"]),
        ('target "a" {\n  args {\n    X = 1\n  }\n}', ["2 ignored-block"]),
        ('services "a" {\n}\ntarget "a" {}', ["1 ignored-block"]),
        ('target "a" {\n  call = "check"\n  policy = []\n}', ["2 left-out", "3 left-out"]),
        ('target "a" {\n  labels = { at = timestamp(), b = "c" }\n}', ["2 not-evaluated"]),
        ('target "a" {\n  inherits = ["docker-metadata-action"]\n}', ["2 unknown-parent"]),
        ('group "g" {\n  targets = ["a", "nope"]\n}\ntarget "a" {}', ["2 unknown-member"]),
        ('group "g" {\n  targets = ["g", "a"]\n}\ntarget "a" {}', ["2 group-cycle"]),
        ('group "all" {\n  targets = ["a"]\n}\ntarget "a" {}', ["1 renamed"]),
        ('group "a" {\n  targets = ["a"]\n}\ntarget "a" {}', ["1 renamed"]),
        ('group "g" {\n  targets = []\n}\ngroup "g" {\n  targets = ["a"]\n}\ntarget "a" {}', ["4 repeated-block"]),
        ('target "a" { inherits = ["b"] }\ntarget "b" { inherits = ["a"] }', ["2 inheritance-cycle"]),
        ('target "a" { tags = ["x/y:1"] }\ntarget "b" { tags = ["x/y:1"] }', ["2 duplicate-tag"]),
        ('target "a" {\n  tags = ["A b!"]\n}', ["2 bad-reference"]),
        (
            'variable "L" {\n  default = ["x", "y"]\n}\ntarget "a" {\n  tags = L\n}',
            ["2 compound-variable"],
        ),
        ('variable "my-var" {\n  default = "1"\n}\ntarget "a" { args = { X = my-var } }', ["1 renamed"]),
        ('variable "V" {\n  default = 1\n  validation {\n  condition = true\n  }\n}\ntarget "a" {}', ["3 validation"]),
        ('variable "T" {}\ntarget "a" {\n  tags = ["x/y:${T}"]\n}', ["3 needs-value"]),
        ('target "a" {\n  context = "cwd://sub"\n}', ["2 local-path"]),
    ],
)  # fmt: skip
def test_each_has_a_note(bring: Import, text: str, codes: list[str]) -> None:
    assert bring(text).codes == codes


DIAMOND = """
target "base" { args = { X = "base" } }
target "a" {
  inherits = ["base"]
  args = { X = "a" }
}
target "b" {
  inherits = ["base"]
  target = "b"
}
target "child" {
  inherits = ["a", "b"]
}
"""


def test_a_diamond_is_written_out_as_the_peer_resolves_it(bring: Import) -> None:
    found = bring(DIAMOND)
    assert found.print("child") == {"child": {"args": {"X": "base"}, "target": "b"}}
    assert found.codes == ["12 diamond"]


def test_parents_that_bake_cannot_order_are_written_out(bring: Import) -> None:
    found = bring(DIAMOND + 'target "odd" { inherits = ["a", "base"] }\n')
    assert found.print("odd") == {"odd": {"args": {"X": "base"}}}
    assert found.codes == ["12 diamond", "14 written-out"]


def test_an_heir_of_what_is_written_out(bring: Import) -> None:
    text = DIAMOND + 'target "heir" {\n  inherits = ["child", "b"]\n  labels = { x = "y" }\n}\n'
    found = bring(text)
    assert found.print("heir") == {"heir": {"args": {"X": "base"}, "labels": {"x": "y"}, "target": "b"}}
    assert found.codes == ["12 diamond"]


def test_long_chains_of_parents(bring: Import) -> None:
    chain = "".join(f'target "t{n}" {{ inherits = ["t{n - 1}"] }}\n' for n in range(1, 900))
    assert bring('target "t0" { args = { X = 1 } }\n' + chain).print("t899") == {"t899": {"args": {"X": "1"}}}


def test_lists_of_two_parents_are_both_kept(bring: Import) -> None:
    text = """
target "a" { secret = ["id=a,env=A", "id=x,env=X"] }
target "b" { secret = ["id=b,env=B", "id=x,env=Y"] }
target "c" {
  inherits = ["a", "b"]
  secret = ["id=c,env=C"]
}
"""
    found = bring(text)
    assert [(each["id"], each["env"]) for each in found.print("c")["c"]["secret"]] == [
        ("a", "A"), ("x", "Y"), ("b", "B"), ("c", "C"),
    ]  # fmt: skip


def test_an_empty_context_takes_an_inherited_one_away(bring: Import) -> None:
    text = (
        'target "a" { contexts = { x = "x", y = "y" } }\ntarget "b" {\n  inherits = ["a"]\n  contexts = { x = "" }\n}\n'
    )
    assert bring(text).print("b") == {"b": {"contexts": {"y": "y"}}}


def test_a_combination_that_is_inherited_is_written_out(bring: Import) -> None:
    text = """
target "m" {
  name = "m-${v}"
  matrix = { v = ["1", "2"] }
  args = { V = v }
}
target "x" { inherits = ["m-2"] }
group "default" { targets = ["m"] }
"""
    found = bring(text)
    assert found.print("default", "x") == {
        "m-1": {"args": {"V": "1"}},
        "m-2": {"args": {"V": "2"}},
        "x": {"args": {"V": "2"}},
    }


def test_lists_in_variables_are_put_in_place_and_other_variables_stay(bring: Import) -> None:
    text = """
variable "REPO" { default = "example.com/x" }
variable "VERSIONS" { default = ["1", "2"] }
PREFIX = "v-${REPO}"
function "tags" {
  params = [name, versions]
  result = [for v in versions : "${REPO}/${name}:${v}"]
}
target "a" {
  tags = tags("a", VERSIONS)
  labels = { prefix = PREFIX, long = upper("${PREFIX}!") }
}
"""
    found = bring(text)
    assert found.print("--var", "REPO=example.com/y") == {
        "a": {
            "labels": {"long": "V-EXAMPLE.COM/X!", "prefix": "v-example.com/y"},
            "tags": ["example.com/y/a:1", "example.com/y/a:2"],
        }
    }
    assert found.codes == ["3 compound-variable", "11 fixed-value"]


def test_comments_are_kept(bring: Import) -> None:
    text = """# who made it
variable "V" { default = "1" } # the version

/* two
 * lines */
target "a" {
  # where it is
  context = "x" // here
  args = {
    A = 1 # inside
  }
}
# the end
"""
    assert (
        bring(text).text
        == """\
[variable]
# who made it
# the version
V = { default = "1", env = "V" }

# two
# lines
[target.a]
# where it is
context = "x" # here
# inside
args = { A = "1" }

# the end
"""
    )


def test_a_file_that_is_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("docker-bake.hcl").write_text('target "a" {}\n')
    Path("bake.toml").write_text("mine")
    assert main(["import", "docker-bake.hcl"]) == 2
    assert "bake.toml is there already" in capsys.readouterr().err
    assert Path("bake.toml").read_text() == "mine"
    assert main(["import", "docker-bake.hcl", "-o", "-"]) == 0
    assert capsys.readouterr().out == "[target.a]\n"
    Path("sub").mkdir()
    assert main(["import", "docker-bake.hcl", "-o", "sub/new.toml"]) == 0
    assert "paths in sub/new.toml are relative to its directory" in capsys.readouterr().err
    assert main(["import", "docker-bake.hcl", "-o", "none/new.toml"]) == 2
    assert main(["import", "nothing.hcl"]) == 2
    assert main(["import", "Dockerfile"]) == 2
