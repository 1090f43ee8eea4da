"""Two tables of key parts → the reason why a step was not a hit, in a user's words (DESIGN §2, SPEC §3.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from posixpath import commonprefix

import msgspec

from bake.plan.key import BASE, FILE, Parts
from bake.plan.reason import Why

_SHOWN = 3
_LONG = 60
_DIGITS = 12
_CONTEXT = 12
"""So much of what is the same is shown before the first difference."""
_OWN = ("stage ", "target ")
"""How a base begins that is built here."""
_HIDDEN = re.compile(r"sha256:[0-9a-f]{64}")
"""What stands for a sensitive value (bake/plan/key.py)."""

# Which kind a part's change is reported as, most telling first; the first kind found is the reason.
_KINDS = (
    ("instruction", ("instruction", "script", "written")),
    ("frontend", ("frontend",)),
    ("arg", ("arg.",)),
    ("env", ("env.", "cwd", "user")),
    ("file", (FILE,)),
    ("mount", ("mount.", "content.")),
    ("options", ("options", "platform", "option.", "config.")),
    ("file", ("source.",)),
    ("base", ("base",)),
    ("parent", ("parent",)),
)


def explain(old: Parts, new: Parts) -> Why:
    """The reason by comparison; `evicted` when nothing differs, for then only the result can be missing."""
    changed = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
    if "base" in changed and "parent" in changed:
        return Why(
            "base", "now the first step on its base" if "base" in new else "no longer the first step on its base"
        )
    for kind, prefixes in _KINDS:
        names = [n for n in changed if any(n == p or (p.endswith(".") and n.startswith(p)) for p in prefixes)]
        if names:
            return Why(kind, _detail(kind, names, old, new))
    return Why("evicted", "evicted: its result was removed from the store")


def _detail(kind: str, names: Sequence[str], old: Parts, new: Parts) -> str:
    if kind in ("arg", "env"):
        return ", ".join(_variable(name, old, new) for name in names[:_SHOWN]) + _more(names)
    if kind == "file":
        files = [name for name in names if name.startswith(FILE)]
        return ", ".join(_file(name, old, new) for name in files[:_SHOWN]) + _more(files) or "its source changed"
    if kind == "base":
        return _base(old.get(BASE, ""), new.get(BASE, ""))
    if kind == "frontend":
        return _base(old.get(kind, ""), new.get(kind, ""), "the front end")
    if names == ["written"]:
        return "what is written for the front end changed"
    if kind == "instruction":
        return _instruction(old.get("instruction", ""), new.get("instruction", ""))
    if kind == "mount":
        return ", ".join(name.partition(".")[2] for name in names[:_SHOWN]) + " changed"
    return {
        "options": "its options changed",
        "parent": "the step before it has a new result",
    }[kind]


def _base(old: str, new: str, what: str = "the base image") -> str:
    """`the base image changed: python:3.12: 5d3ee4f2c1aa → 8ffa1c77be01`, as far as it is known what they were."""
    if new.startswith(_OWN) and old in ("", new):
        return f"{new}, which it is FROM, has a new result"
    if new.startswith(_OWN) or old.startswith(_OWN):
        return f"it is now FROM {_name(new) or 'another base'}" + (f", before {_name(old)}" if old else "")
    (before, was), (after, now) = (text.partition("@sha256:")[::2] for text in (old, new))
    if not was or not now or old == new:
        return f"{what} changed"
    moved = f"{was[:_DIGITS]} → {now[:_DIGITS]}"
    return f"{what} changed: {after}: {moved}" if before == after else f"{what} changed: {before} → {after}"


def _name(base: str) -> str:
    return base.partition("@")[0]


def _instruction(old: str, new: str) -> str:
    """The command before and after, from where they differ."""
    before, after = _command(old), _command(new)
    if not before or not after or before == after:
        return "the instruction changed"
    same = len(commonprefix([before, after]))
    start = max(0, min(same - _CONTEXT, len(before), len(after)))
    start = 0 if start <= _CONTEXT else start
    texts = (("…" if start else "") + text[start:] for text in (before, after))
    return "the instruction changed: " + " → ".join(map(_cut, texts))


def _command(instruction: str) -> str:
    """Of a RUN, as it was written; "" for others."""
    try:
        args = msgspec.json.decode(instruction, type=list[str])
    except (msgspec.MsgspecError, UnicodeError):
        return ""
    return " ".join(args[2:] if args[:2] == ["/bin/sh", "-c"] else args)


def _variable(name: str, old: Parts, new: Parts) -> str:
    short = name.partition(".")[2] or name
    if name not in old:
        return f"{short} is new"
    if name not in new:
        return f"{short} is gone"
    if _HIDDEN.search(old[name]) or _HIDDEN.search(new[name]):
        return f"{short} changed"
    return f"{short}: {_cut(old[name])} → {_cut(new[name])}"


def _file(name: str, old: Parts, new: Parts) -> str:
    path = name.removeprefix(FILE)
    return f"{path} {'added' if name not in old else 'removed' if name not in new else 'changed'}"


def _cut(text: str) -> str:
    return repr(text if len(text) <= _LONG else text[: _LONG - 1] + "…") if text else "''"


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
