"""Damaged inputs for `bake print`, `list`, `check` and `graph`: good workspaces, and many ways to spoil them.

Everything is drawn from one `random.Random`, so a seed names an input for ever.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomlkit
from spec_samples import WORKSPACES

from bake.spec.keys import ALL_TARGET_KEYS, GROUP_KEYS, PROFILE_KEYS, TOP_KEYS, VARIABLE_KEYS

Files = dict[str, bytes]


@dataclass(frozen=True)
class Input:
    """Files to write below a directory, and the command line to run there."""

    files: Mapping[str, bytes]
    argv: Sequence[str]

    @property
    def is_surely_invalid(self) -> bool:
        """Whether even TOML says no: an oracle that shares nothing with bake's own reading."""
        try:
            text = self.files["bake.toml"].decode("utf-8-sig")
            tomllib.loads(text)
        except RecursionError:
            return False
        except ValueError:
            return True
        return False


PIECES: Sequence[str] = (
    *"[]{}\"'=.\n#,|*\\ \t\r", "${", "$${", "}", '"""', "'''", "[[", "]]", "target", "matrix", "inherits",
    "[[target]]", "[target.app]", "[profile.x]", "[defaults]", "[variable]", "é", "\0", "\x01", "\x7f", "\ud7ff",
    "\ufeff", "\u2028", "\u202e", "🎂", "1", "-", "_", "0x", "1e999", "nan", "inf", "1979-05-27T07:32:00Z", "07:32:00",
    "99999999999999999", "true", "${${A}}", "${A:-${B}}", "${A//?/${A}}", "${A | slug}", "${A | nope}", "${A:?}",
    "${git.sha}", "${env.HOME}", "${target.name}", "${target.args.A}", "target:app", "[app]", "app[x=1]", "**", "../",
    "/dev/null", "\\u0000", "\\ud800", 'include = ["*"]', "unset = ['args']", "extend-tags = ['x']", "x = 1",
)  # fmt: skip
NAMES: Sequence[str] = (
    *ALL_TARGET_KEYS, *VARIABLE_KEYS, *GROUP_KEYS, *PROFILE_KEYS, *TOP_KEYS, "python", "distro", "all", "default",
    "app", "_base", "a b", "", "é", "\0", "x.y", "sub:app", "${A}", "git", "1", "-",
)  # fmt: skip
THINGS: Sequence[str] = (
    "1", "-1", "0", "1.5", "nan", "-inf", "1e999", "9" * 400, "0xffffffffffffffffff", "true", '""', '"x"', '"10m"',
    '"64m"', '"\\n"', '"\\u0000"', '"\\ud7ff"', "2020-01-01", "07:32:00", "1979-05-27T07:32:00.999999-07:00",
    '"${A}"', '"${nope}"', '"${git.branch | slug}"', '"${target.name}"', '"${target.args.A}"', '"${target.context}"',
    '"${env.X}"', '"${A:?no}"', '"${A"', '"$${x}"', '"${python}${distro}"', '"target:app"', '"target:_base"',
    '"target:all"', "[]", "{}", '["x"]', '[["x"]]', "[{}]", "[1]", "[[]]", '[""]', "{ x = 1 }", '{ "" = "" }',
    '{ type = "local" }', '[{ type = "local", dest = "${A}" }]', '["type=oci,dest=a"]',
    '["type=local,\\"dest=a,b\\""]', '["\\""]', '["app"]', '["_base"]', '["all"]', '["*"]', '["[", "]"]',
    '["web[python=3.11]"]', '["web[python=3.1,3.2][distro=*]"]', '{ python = ["${A}"] }', '{ python = "3.11" }',
    '[{ python = "3.11", args = { A = "${python}" } }]', '["../../etc"]', '["/dev/zero"]', '["**/*"]', '["\\u0000"]',
    '"(((("', '"(a+)+$"', '"/dev/stdin"', '"https://example.invalid/x.git#main"', '"docker-image://"',
    '"oci-layout://"', "1_000", '["sub/bake.toml", "sub/../sub/bake.toml"]', '["."]',
    '{ python = [1.10, 3, true, "x"] }', '"x" , y = 1',
)  # fmt: skip
SETS: Sequence[str] = (
    "*.tags=x/y", "app.tags+=x/y:${A}", "app.args.A=1", "web.matrix.python=3.1", "*.push=true", "app.unset=args", "=",
    "", "app", "app.=", ".tags=x", "app.tags", "app.args=1", "app.resources.memory=1g", "[.tags=x", "app[.tags=x",
    "a].tags=x", "web[python=3.11].no-cache=true", "web[nope=1].no-cache=true", "*.test=[[\"a\"]]", "app.test=a",
    "app.output=type=oci,dest=x", "app.output=[{type='oci'}]", "app.ulimits=nofile=1:2", "app.extend-tags=x",
    "app.inherits=x", "app.name=x", "app.timeout=1h30m", "app.weight=inf", "app.weight=9", "*.labels={a='b'}",
    "*.labels={a=", "app.secret=id=a", "app.description=\x01é", "sub:app.tags=x",
)  # fmt: skip
COMMANDS: Sequence[Sequence[str]] = (
    ("print",), ("print", "all"), ("print", "all"), ("list",), ("list", "--json"), ("check", "--format", "json"),
    ("check", "--format", "sarif"), ("check",), ("graph", "all"), ("print", "--", "web[python=3.11]"),
    ("print", "--", "*"), ("print", "--", "sub:app", "nope"), ("print", "--", "[", "app[", "app]", "é", ""),
)  # fmt: skip


def damaged(rng: random.Random) -> Input:
    """One input: a good workspace with one file (or the command line alone) spoilt."""
    files = {name: text.encode() for name, text in rng.choice(WORKSPACES).items()}
    for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 3, 6))):
        name = "bake.toml" if rng.random() < 0.8 else rng.choice(sorted(files))
        files[name] = rng.choice(SPOILERS)(rng, files[name])
    command = list(rng.choice(COMMANDS))
    flags: list[str] = []
    if rng.random() < 0.25:
        flags += ["--set", rng.choice(SETS) if rng.random() < 0.5 else _assignment(rng)]
    if rng.random() < 0.2:
        flags += ["--profile", rng.choice(("release", "dev", "nope", ""))]
    if rng.random() < 0.15:
        flags += ["--var", rng.choice(("A=1", "TOKEN=s3cret", "PYTHON=\x01", "NOPE=1", "A="))]
    return Input(files, [command[0], *flags, *command[1:]])


def _assignment(rng: random.Random) -> str:
    pattern = rng.choice(("app", "*", "web", "w?b", "sub:app", "web[distro=slim]", "x"))
    value = rng.choice(THINGS).strip('"')
    return f"{pattern}.{rng.choice(NAMES)}{rng.choice(('', '', '.A', '+'))}={value}".replace("\0", "")


Spoiler = Callable[[random.Random, bytes], bytes]


def flip_bytes(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def random_bytes(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\0", rng.randbytes(4))) + data[at:]


def cut(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] if rng.random() < 0.3 else data[:at] + data[at + rng.randint(1, 40) :]


def insert(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(PIECES).encode() + data[at:]


def lines(rng: random.Random, data: bytes) -> bytes:
    """A line deleted, doubled, moved, or with its ends changed."""
    rows = data.split(b"\n")
    at, to = rng.randrange(len(rows)), rng.randrange(len(rows))
    match rng.randrange(5):
        case 0:
            del rows[at]
        case 1:
            rows.insert(to, rows[at])
        case 2:
            rows.insert(to, rows.pop(at))
        case 3:
            rows[at] = rows[to]
        case 4:
            return rng.choice((b"\r\n", b"\r")).join(rows)
    return b"\n".join(rows)


_TOKEN = re.compile(rb'"[^"\n]*"|[A-Za-z0-9_.-]+|\$\{[^}]*\}')


def swap_tokens(rng: random.Random, data: bytes) -> bytes:
    found = list(_TOKEN.finditer(data))
    if len(found) < 2:
        return data
    first, second = sorted(rng.sample(found, 2), key=lambda match: match.start())
    between = data[first.end() : second.start()]
    return data[: first.start()] + second.group() + between + first.group() + data[second.end() :]


_VALUE = re.compile(rb"(?m)^([^=\n#\[]+= *)(.+)$")


def replace_value(rng: random.Random, data: bytes) -> bytes:
    """Another value, most often of another type."""
    found = list(_VALUE.finditer(data))
    if not found:
        return data
    match = rng.choice(found)
    value = (rng.choice(THINGS) if rng.random() < 0.9 else deep(rng)).encode()
    return data[: match.start(2)] + value + data[match.end(2) :]


def add_key(rng: random.Random, data: bytes) -> bytes:
    """A key that may be known and a value that may be right, after any line."""
    rows = data.split(b"\n")
    row = f"{_key(rng.choice(NAMES))} = {rng.choice(THINGS)}"
    rows.insert(rng.randrange(len(rows) + 1), row.encode())
    return b"\n".join(rows)


def rename_key(rng: random.Random, data: bytes) -> bytes:
    found = list(re.finditer(rb"(?m)^[A-Za-z-]+(?= *=)|(?<=[.\[])[a-z_]+(?=\])", data))
    if not found:
        return data
    match = rng.choice(found)
    return data[: match.start()] + _key(rng.choice(NAMES)).encode() + data[match.end() :]


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else '"' + name.replace("\0", "\\u0000") + '"'


def deep(rng: random.Random) -> str:
    depth = rng.choice((30, 300, 3000))
    match rng.randrange(4):
        case 0:
            return "[" * depth + "]" * depth
        case 1:
            return "{ a = " * depth + "1" + " }" * depth
        case 2:
            return '"' + "${A:-" * depth + "}" * depth + '"'
        case _:
            return '"' + "${A" * depth + "}" * depth + '"'


def rebuild(rng: random.Random, data: bytes) -> bytes:
    """The tree changed and written again, so that the text stays TOML."""
    try:
        tree = tomllib.loads(data.decode())
    except (ValueError, RecursionError):
        return insert(rng, data)
    places = _places(tree)[1:]
    if not places:
        return data
    *way, last = rng.choice(places)
    holder: Any = tree
    for part in way:
        holder = holder[part]
    if isinstance(holder, dict) and rng.random() < 0.4:
        holder[rng.choice(NAMES)] = holder.pop(last)
    elif rng.random() < 0.3:
        del holder[last]
    else:
        holder[last] = rng.choice((1, True, "x", [], {}, ["x"], {"x": "y"}, 1.5, "${A}", [["x"]], [{"x": [1]}]))
    return tomlkit.dumps(tree).encode()


def _places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(each for key, value in items for each in _places(value, (*path, key)))]


def splice(rng: random.Random, data: bytes) -> bytes:
    other = rng.choice(WORKSPACES)["bake.toml"].encode()
    at, to = rng.randrange(len(data) + 1), rng.randrange(len(other) + 1)
    return data[:at] + other[to:]


SPOILERS: Sequence[Spoiler] = (
    flip_bytes, random_bytes, cut, insert, insert, lines, lines, swap_tokens, swap_tokens, replace_value, replace_value,
    replace_value, add_key, add_key, rename_key, rebuild, splice,
)  # fmt: skip
