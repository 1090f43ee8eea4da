"""Bad input: mutated definitions, deep nesting, alias bombs and large files end in a diagnostic with a place.

Never in a traceback, never in a hang.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bake.cli import main
from bake.errors import InputError, Source
from bake.importing.convert import Conversion, convert

HCL = """
variable "TAG" { default = "1" }
FLAVOURS = ["a", "b"]
function "img" {
  params = [name]
  variadic_params = more
  result = ["example.com/${name}:${TAG}", join("-", more)]
}
group "default" { targets = ["app", "m"] }
target "_base" {
  args = { A = 1.5, "B" = true, (TAG) = null }
  labels = { for k, v in { x = 1 } : k => "${v}" if v != 2 }
  secret = ["id=a,env=A", { id = "b", src = "b" }]
}
target "app" {
  inherits = ["_base"]
  tags = concat(img("x", FLAVOURS...), [for t in FLAVOURS : "example.com/${t}" if t != "b"])
  dockerfile-inline = <<-EOT
    FROM scratch
    %{ for f in FLAVOURS ~}
    RUN ${f} $${x}
    %{ endfor }
  EOT
  args = { C = TAG != "" ? "x${~ TAG ~}" : upper("n"), D = join("", FLAVOURS[*]), E = target._base.args.A }
}
target "m" {
  name = "m-${replace(v, ".", "-")}"
  matrix = { v = ["1.0", "2.0"], w = ["x"] }
  target = try(regex("^x", v), "none")
}
"""
JSON = json.dumps(
    {
        "variable": {"T": {"default": "1"}},
        "function": {"f": {"params": ["x"], "result": "${upper(x)}"}},
        "group": {"default": {"targets": ["a"]}},
        "target": {
            "a": {"tags": ['x/${f("b")}:${T}'], "args": {"A": "$${B}", "C": 1, "D": None, "E": True}},
            "b": [{}, {}],
        },
    },
    indent=1,
)
COMPOSE = """
x-a: &a {A: 1, B: two}
services:
  web:
    image: ${R:-localhost}/web:${T:-${U-1}}
    build:
      context: .
      args: {<<: *a, C: }
      secrets: [s, {source: t}]
      ulimits: {nofile: {soft: 1, hard: 2}}
      ssh: [default, k=v]
      extra_hosts: ["a:1.1.1.1"]
      x-bake: {output: type=docker, tags: [a, b]}
  api: {extends: web, build: ./api}
secrets:
  s: {file: s}
  t: {environment: T}
"""
SOURCES = {"docker-bake.hcl": HCL, "docker-bake.json": JSON, "compose.yaml": COMPOSE}
WORDS = '1e9 null true for in if ... ${ %{ $${ <<EOT <<- => [*] target.a.b *a &a << || == != {"a":1} """ é'
PIECES = ("\n", "\t", " ", "\0", *"\"'{}[]()<>=:,.?!&|*/%+-~$#\\0", *WORDS.split())


def outcome(name: str, text: str) -> Conversion | None:
    """None for a refusal, which must have a place."""
    try:
        return convert(Source(name, text))
    except InputError as error:
        assert error.diagnostics
        for diagnostic in error.diagnostics:
            assert diagnostic.span is not None, diagnostic
            assert diagnostic.message
        return None


def mutated(text: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 4)):
        at, to = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
        kind = chance.randrange(5)
        if kind == 0:
            text = text[:at] + chance.choice(PIECES) + text[at:]
        elif kind == 1:
            text = text[:at] + text[min(to, at + 8) :]
        elif kind == 2:
            text = text[:at] + chance.choice(PIECES) + text[at + 1 :]
        elif kind == 3:
            text = text[:to] + text[at : min(to, at + 60)] + text[to:]
        else:
            text = text[:at]
    return text


@pytest.mark.parametrize("name", SOURCES)
def test_the_examples_are_good(name: str) -> None:
    assert outcome(name, SOURCES[name])


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("part", range(5))
def test_mutated_definitions(name: str, part: int) -> None:
    chance = random.Random(f"{name} {part}")
    done = [outcome(name, mutated(SOURCES[name], chance)) for _ in range(200)]
    assert not all(done)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(tuple(SOURCES)), st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=20))
def test_any_text(name: str, pieces: list[str]) -> None:
    outcome(name, "".join(pieces))
    outcome(name, SOURCES[name] + "\n" + "".join(pieces))


@pytest.mark.parametrize("part", range(2))
def test_several_mutated_files_at_once(part: int) -> None:
    """HCL and JSON over compose, with what compose files name mutated too."""
    chance = random.Random(f"several {part}")
    for _ in range(100):
        sources = [Source(name, mutated(text, chance)) for name, text in SOURCES.items() if chance.random() < 0.7]
        named = mutated("include: [other.yaml]\nservices: {z: {extends: {file: other.yaml, service: y}}}\n", chance)
        sources.append(Source("compose.override.yaml", named))
        others = {"other.yaml": mutated(COMPOSE, chance), ".env": mutated("A=1\nB='x y' # z\nC=\"${A}\\n\"\n", chance)}
        try:
            convert(*sources, fetch=others.get)
        except InputError as error:
            assert all(each.span is not None for each in error.diagnostics)


def test_the_command_line_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 0 with a file, or 2 with a placed error and none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAKE_DEBUG", "1")
    chance = random.Random("command line")
    codes: dict[int, int] = {}
    for number in range(90):
        name = tuple(SOURCES)[number % 3]
        Path(name).write_text(mutated(SOURCES[name], chance))
        Path("bake.toml").unlink(missing_ok=True)
        code = main(["import", name])
        err = capsys.readouterr().err
        assert code == 0 or (code == 2 and f" --> {name}:" in err), err
        assert Path("bake.toml").exists() == (code == 0)
        codes[code] = codes.get(code, 0) + 1
    assert min(codes[0], codes[2]) >= 3


RECURSIVE = 'function "f" {\n  params = []\n  result = f()\n}\ntarget "a" { args = { X = f() } }'
SLOW = 'target "a" { args = { X = regex("(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!") } }'
BOMB = (
    "a0: &a0 [x, x]\n"
    + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    + "services: {s: {build: .}}\n"
)
DOUBLING = 'variable "V0" { default = "xxxxxxxx" }\n' + "".join(
    f'variable "V{n}" {{ default = "${{V{n - 1}}}${{V{n - 1}}}" }}\n' for n in range(1, 60)
)
CALLS = 'function "f0" {\n  params = [x]\n  result = x\n}\n' + "".join(
    f'function "f{n}" {{\n  params = [x]\n  result = "${{f{n - 1}(x)}}${{f{n - 1}(x)}}"\n}}\n' for n in range(1, 30)
)


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("a.hcl", "a = " + "[" * 100_000, "nested-too-deeply"),
        ("a.hcl", "a = " + "(" * 100_000 + "1" + ")" * 100_000, "nested-too-deeply"),
        ("a.hcl", "a = " + "!" * 100_000 + "true", "nested-too-deeply"),
        ("a.hcl", "a = " + '"${' * 10_000, "nested-too-deeply"),
        ("a.hcl", "a = " + "1 ? 2 : " * 10_000 + "3", "nested-too-deeply"),
        ("a.hcl", "a = 1" + " + 1" * 100_000, "import-syntax"),
        ("a.hcl", "a {\n" * 100_000, "nested-too-deeply"),
        ("a.hcl", "/*" * 200_000, "import-syntax"),
        ("a.hcl", "a = <<A\n" * 10_000, "import-syntax"),
        ("a.hcl", DOUBLING + 'target "a" { tags = [V59] }', "import-value"),
        ("a.hcl", CALLS + 'target "a" { args = { X = f29("x") } }', "too-much-work"),
        ("a.hcl", RECURSIVE, "nested-too-deeply"),
        ("a.hcl", 'variable "A" { default = B }\nvariable "B" { default = A }', "variable-cycle"),
        ("a.hcl", 'target "a" { tags = [for x in setproduct(range(1000), range(1000)) : x] }', "import-value"),
        ("a.hcl", 'target "a" {\n  name = "a"\n  matrix = { x = range(1000), y = range(1000) }\n}', "too-much-work"),
        ("a.hcl", SLOW, "import-value"),
        ("a.hcl", 'target "a" { tags = [nope] }', "import-undefined"),
        ("a.json", "[" * 100_000, "nested-too-deeply"),
        ("a.json", '{"target": {"a": ' * 20_000, "nested-too-deeply"),
        ("a.json", "[]", "import-syntax"),
        ("a.yaml", BOMB, "too-much-work"),
        ("a.yaml", "a: " + "[" * 50_000, "nested-too-deeply"),
        ("a.yaml", "- " * 5_000 + "x", "nested-too-deeply"),
        ("a.yaml", "a: &a [*a]\nservices: {}", "nested-too-deeply"),
        ("a.yaml", "services: {s: {extends: t}, t: {extends: s}}", "import-value"),
        ("a.yaml", "x" * (96 * 1024 + 1), "file-too-large"),
        ("a.hcl", "#" * (10 * 1024 * 1024 + 1), "file-too-large"),
    ],
)  # fmt: skip
def test_limits(name: str, text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        convert(Source(name, text))
    assert caught.value.diagnostics[0].code == code
    assert caught.value.diagnostics[0].span is not None


def test_all_errors_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "docker-bake.hcl"
    file.write_text('target "a" {\n  tags = [nope]\n  target = 1 / 0\n}\ntarget "b" {\n  args = { X = 1 < "x" }\n}\n')
    assert main(["import", str(file)]) == 2
    err = capsys.readouterr().err
    assert [line for line in err.splitlines() if line.lstrip().startswith("-->")] == [
        f" --> {file}:2:11", f" --> {file}:3:12", f" --> {file}:6:16",
    ]  # fmt: skip
    assert not (tmp_path / "bake.toml").exists()


def test_a_large_file_and_bytes_that_are_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    large = tmp_path / "compose.yaml"
    large.write_bytes(b"a: b\n" * (2 * 1024 * 1024 + 1000))
    assert main(["import", str(large)]) == 2
    assert f"{large}:1:1" in capsys.readouterr().err
    other = tmp_path / "docker-bake.hcl"
    other.write_bytes(b'a = "\xff"\n')
    assert main(["import", str(other)]) == 2
    assert f"{other}:1:6" in capsys.readouterr().err
