"""Each key, one by one: merged by its kind, extended, unset, printed, explained; comma forms mean their tables."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from spec_samples import WORKSPACES

from bake.spec.entry_tables import ATTEST, CACHE_FROM, CACHE_TO, OUTPUT, SECRET, SSH
from bake.spec.keys import ALL_TARGET_KEYS, FIELD_KEYS, TARGET_KEYS
from bake.spec.print import print_target
from bake.spec.schema import json_schema
from bake.spec.target import Target
from bake.spec.workspace import spec_of

Made = Callable[..., Target]
REPOSITORY = Path(__file__).parents[2]
STRUCTURE = {"inherits", "matrix", "include", "exclude", "name", "unset"}
OTHERS = "[target.lint]\n[target._web]\n[target._python]\n[target.base]\n"


def spec(body: str, parent: str = "") -> str:
    return f"[target._p]\n{parent}\n[target.t]\ninherits = ['_p']\n{body}\n{OTHERS}"


def values(target: Target, name: str) -> Any:
    return getattr(target, TARGET_KEYS[name].field_name)


@pytest.mark.parametrize("name", FIELD_KEYS)
def test_inherited_printed_and_unset(target: Made, name: str) -> None:
    example = TARGET_KEYS[name].example
    own, inherited = target(f"[target.t]\n{example}\n{OTHERS}"), target(spec("", example))
    assert values(inherited, name) == values(own, name)
    assert name in print_target(inherited)
    nothing = target(spec(f'unset = ["{name}"]', example))
    assert values(nothing, name) == values(target("[target.t]"), name)
    assert print_target(nothing).get(name) == print_target(target("[target.t]")).get(name)


@pytest.mark.parametrize("name", [name for name, key in FIELD_KEYS.items() if key.shape == "list"])
def test_lists_replace_and_extend(target: Made, name: str) -> None:
    rows = tomllib.loads(TARGET_KEYS[name].example)[name]
    other_rows = {
        "platforms": '["linux/s390x"]', "after": '["base"]', "entitlements": '["security.insecure"]',
        "ulimits": '["core=1"]', "test": '[["x"]]', "cache-from": '["x/c"]', "cache-to": '["x/c"]', "ssh": '["b"]',
        "output": '["type=local,dest=o"]', "secret": '["id=b"]', "attest": '["type=sbom"]', "immutable-tags": '["w*"]',
    }  # fmt: skip
    second = other_rows.get(name, '["x/b"]')
    base = TARGET_KEYS[name].example
    first = values(target(spec("", base)), name)
    other = values(target(f"[target.t]\n{name} = {second}\n{OTHERS}"), name)
    assert first and other and first != other
    assert values(target(spec(f"{name} = {second}", base)), name) == other
    assert values(target(spec(f"extend-{name} = {second}", base)), name) == (*first, *other)
    assert values(target(spec(f"extend-{name} = {second}\nunset = ['{name}']", base)), name) == other
    assert values(target(spec(f"{name} = []", base)), name) == values(target(f"[target.t]\n{name} = []"), name)
    assert len(rows) == len(first)


@pytest.mark.parametrize("name", [name for name, key in FIELD_KEYS.items() if key.shape == "table"])
def test_tables_merge_by_key(target: Made, name: str) -> None:
    entries = {"contexts": ("a = 'x'", "b = 'y'"), "extra-hosts": ("a = '1.2.3.4'", "b = '::1'"),
               "resources": ("memory = '1g'", "cpu-shares = 2")}.get(name, ("a = 'x'", "b = 'y'"))  # fmt: skip
    first, second = (dict(values(target(f"[target.t.{name}]\n{e}"), name)) for e in entries)
    merged = target(f"[target._p.{name}]\n{entries[0]}\n[target.t]\ninherits = ['_p']\n[target.t.{name}]\n{entries[1]}")
    assert values(merged, name) == {**first, **second}
    key = next(iter(first))
    gone = target(f"[target._p.{name}]\n{entries[0]}\n[target.t]\ninherits = ['_p']\nunset = ['{name}.{key}']")
    assert values(gone, name) == {}


COMMA = [
    ("output", "type=oci,dest=a.tar", '{ type = "oci", dest = "a.tar" }'),
    ("output", "type=local,\"dest=a,b\"", '{ type = "local", dest = "a,b" }'),
    ("output", "out", '{ type = "local", dest = "out" }'),
    ("output", "-", '{ type = "tar", dest = "-" }'),
    ("output", "type=image,name=x/y,push=true,annotation.a=b",
     '{ type = "image", name = "x/y", push = true, "annotation.a" = "b" }'),
    ("output", "type=docker,compression=zstd,compression-level=3",
     '{ type = "docker", compression = "zstd", compression-level = 3 }'),
    ("cache-from", "x/c", '{ type = "registry", ref = "x/c" }'),
    ("cache-from", "type=gha,scope=a", '{ type = "gha", scope = "a" }'),
    ("cache-from", "type=local,src=c", '{ type = "local", src = "c" }'),
    ("cache-to", "type=registry,ref=x/c,mode=max,registry.insecure=1",
     '{ type = "registry", ref = "x/c", mode = "max", "registry.insecure" = true }'),
    ("cache-to", "type=inline", '{ type = "inline" }'),
    ("cache-to", "type=s3,bucket=b,region=r,use_path_style=true",
     '{ type = "s3", bucket = "b", region = "r", use_path_style = true }'),
    ("secret", "id=a,source=b", '{ id = "a", src = "b" }'),
    ("secret", "type=env,id=a,src=V", '{ id = "a", src = "V", type = "env" }'),
    ("secret", "id=a,env=B", '{ id = "a", env = "B" }'),
    ("ssh", "default", '{ id = "default" }'),
    ("ssh", "k=a,b", '{ id = "k", paths = ["a", "b"] }'),
    ("attest", "type=provenance,mode=max,version=v1", '{ type = "provenance", mode = "max", version = "v1" }'),
    ("attest", "type=sbom,disabled=true", '{ type = "sbom", disabled = true }'),
    ("ulimits", "nofile=1:2", '{ name = "nofile", soft = 1, hard = 2 }'),
    ("ulimits", "core=-1", '{ name = "core", soft = -1 }'),
]  # fmt: skip


@pytest.mark.parametrize(("name", "comma", "table"), COMMA)
def test_comma_forms_mean_their_tables(target: Made, name: str, comma: str, table: str) -> None:
    texts = [f"[target.t]\n{name} = [{json.dumps(comma)}]", f"[target.t]\n{name} = [{table}]"]
    first, second = (values(target(text), name) for text in texts)
    assert first == second
    assert values(target("[target.t]", overrides=(f"t.{name}={comma}",)), name) == second
    for text in texts:
        SCHEMA.validate(tomllib.loads(text))


def test_every_key_of_an_entry_is_read(target: Made) -> None:
    """Each field of each entry, in each type that has it; in comma form and as a table it comes to the same."""
    for name, entry in (("output", OUTPUT), ("cache-from", CACHE_FROM), ("cache-to", CACHE_TO), ("secret", SECRET),
                        ("ssh", SSH), ("attest", ATTEST)):  # fmt: skip
        for type_ in entry.types or (None,):
            base = {"type": type_} if type_ else {}
            base |= dict.fromkeys(entry.required, "a")
            base |= {each.name: "a" for each in entry.fields if each.needed and type_ in each.types}
            for each in entry.fields:
                if each.name in base or (each.types and type_ not in each.types):
                    continue
                written = next(word for word in WORDS if _takes(each, word))
                key = each.name.replace("*", "k")
                comma = ",".join(f"{k}={v}" for k, v in {**base, key: written}.items())
                found = values(target(f"[target.t]\n{name} = [{json.dumps(comma)}]"), name)
                assert key in found[0], (name, comma)


WORDS = ("true", "1", "x/y", "min", "gzip", "v1", "oci", "copy", "file")


def _takes(field: Any, value: str) -> bool:
    try:
        field.atom.convert(value)
    except ValueError:
        return False
    return True


SCHEMA = jsonschema.Draft202012Validator(json_schema())
EXAMPLES = sorted([*REPOSITORY.glob("examples/**/bake.toml"), *REPOSITORY.glob("bake.toml")])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_the_schema_accepts_every_example(path: Path) -> None:
    SCHEMA.validate(tomllib.loads(path.read_text()))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("text", [text for workspace in WORKSPACES for text in workspace.values()])
def test_the_schema_accepts_the_samples(text: str) -> None:
    SCHEMA.validate(tomllib.loads(text))


@pytest.mark.parametrize("name", ALL_TARGET_KEYS)
@pytest.mark.parametrize("bad", ["1979-05-27", "[[[]]]", "{ a = { b = 1 } }", "nan"])
def test_bad_types_are_refused_by_both(name: str, bad: str) -> None:
    """Of every key; where the schema takes it, bake does, and the other way round."""
    text = f"[target.t]\n{name} = {bad}\nmatrix.x = [1]\n" if name != "matrix" else f"[target.t]\n{name} = {bad}"
    refused = bool(spec_of(text).findings)
    nested = {"date": {"x": {"y": 1}}}  # JSON has neither dates nor "no number"
    written = json.dumps(tomllib.loads(text), default=lambda _: nested)
    data = json.loads(written.replace("NaN", json.dumps(nested)))
    if name in ("include", "exclude"):  # their tables are read with the matrix
        return
    assert refused
    assert not SCHEMA.is_valid(data)


def test_editors_can_explain_each_key() -> None:
    """Descriptions of keys, of the keys of entries and of each part of the file."""
    schema = json_schema()
    for part in (schema["properties"], *(each["properties"] for each in _objects(schema["$defs"]))):
        for name, row in part.items():
            assert row.get("description"), name


def _objects(tree: Any) -> list[dict[str, Any]]:
    if isinstance(tree, list):
        return [found for each in tree for found in _objects(each)]
    if not isinstance(tree, dict):
        return []
    inner = [found for each in tree.values() for found in _objects(each)]
    return [tree, *inner] if isinstance(tree.get("properties"), dict) and "additionalProperties" in tree else inner
