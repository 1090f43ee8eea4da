"""The text of bake.lock: entries by kind and name, one value a line, the comments of the old text where they were."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bake.gather.lockfile import VERSION, Lock, Name, Pinned, main_key

_HEAD = f"""\
# What the inputs from outside were when this was written: commit it, and every build uses the same ones.
# `bake lock` adds what is missing, `bake lock --upgrade [NAME]` renews, `bake outdated` tells what has moved.
version = {VERSION}
"""
_HEADER = re.compile(r'\[(image|git|url)\.("(?:[^"\\]|\\.)*"|[A-Za-z0-9_-]+)\]')
_PAIR = re.compile(r'("(?:[^"\\]|\\.)*"|[A-Za-z0-9_-]+)(\s*=\s*)"[^"]*"(.*)')
_ORDER = ("image", "git", "url")


def lock_text(lock: Lock, old: str = "") -> str:
    """`lock` as TOML. Of `old`, a lock that was read without complaint, comments stay with what they are about."""
    head, blocks = _blocks(old)
    names = sorted(lock.entries, key=lambda name: (_ORDER.index(name[0]), name[1]))
    sections = ["".join(_section(name, lock.entries[name], blocks.get(name, []))) for name in names]
    return "\n".join([head or _HEAD, *sections])


def _blocks(text: str) -> tuple[str, dict[Name, list[str]]]:
    """The lines before the first entry, and those of each entry with the comments above it."""
    current: list[str] = []
    head, blocks = current, {}
    for line in text.splitlines():
        header = _HEADER.match(line)
        if header is not None:
            above = _comments_at_end(current)
            current = [*above, line]
            blocks[header[1], _unquoted(header[2])] = current
        else:
            current.append(line)
    return "".join(f"{line}\n" for line in _stripped(head)), {name: _stripped(rows) for name, rows in blocks.items()}


def _comments_at_end(lines: list[str]) -> list[str]:
    """Takes the comments that stand right above the next header off the block before it."""
    taken: list[str] = []
    while lines and lines[-1].startswith("#"):
        taken.insert(0, lines.pop())
    return taken


def _stripped(lines: list[str]) -> list[str]:
    return [line for line in lines if line.strip()]


def _section(name: Name, pinned: Pinned, old: list[str]) -> Iterator[str]:
    kind, what = name
    header = next((number for number, line in enumerate(old) if _HEADER.match(line)), len(old))
    yield from (f"{line}\n" for line in old[:header])
    beside = _HEADER.sub("", old[header], count=1) if header < len(old) else ""
    yield f"[{kind}.{_quoted(what)}]{beside}\n"
    ends, above = _line_comments(old[header + 1 :])
    for key in (main_key(kind), *sorted(set(pinned) - {main_key(kind)})):
        yield from (f"{line}\n" for line in above.get(key, ()))
        yield f"{key if key.isalnum() else _quoted(key)} = {_quoted(pinned[key])}{ends.get(key, '')}\n"
    yield from (f"{line}\n" for line in above.get("", ()))


def _line_comments(lines: list[str]) -> tuple[Mapping[str, str], Mapping[str, list[str]]]:
    """Of the body of an entry: what stands behind each key's value, and the comments above it ("": at the end)."""
    ends: dict[str, str] = {}
    above: dict[str, list[str]] = {}
    waiting: list[str] = []
    for line in lines:
        pair = _PAIR.match(line)
        if pair is None:
            waiting += [line] if line.startswith("#") else []
            continue
        key = _unquoted(pair[1])
        ends[key], above[key], waiting = pair[3], waiting, []
    return ends, {**above, "": waiting}


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


def _unquoted(text: str) -> str:
    import tomllib

    return str(tomllib.loads(f"x = {text}")["x"]) if text.startswith('"') else text
