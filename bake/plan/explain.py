"""Two tables of key parts → the reason why a step was not a hit, in a user's words (DESIGN §2, SPEC §3.3)."""

from __future__ import annotations

from collections.abc import Sequence

from bake.plan.key import FILE, Parts
from bake.plan.reason import Why

_SHOWN = 3
_LONG = 60

# Which kind a part's change is reported as, most telling first; the first kind found is the reason.
_KINDS = (
    ("instruction", ("instruction", "script")),
    ("arg", ("arg.",)),
    ("env", ("env.", "cwd", "user")),
    ("file", (FILE,)),
    ("mount", ("mount.", "content.")),
    ("options", ("options", "platform")),
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
    if kind == "mount":
        return ", ".join(name.partition(".")[2] for name in names[:_SHOWN]) + " changed"
    return {
        "instruction": "the instruction changed",
        "options": "its options changed",
        "base": "the base image changed",
        "parent": "the step before it has a new result",
    }[kind]


def _variable(name: str, old: Parts, new: Parts) -> str:
    short = name.partition(".")[2] or name
    if name not in old:
        return f"{short} is new"
    if name not in new:
        return f"{short} is gone"
    return f"{short}: {_cut(old[name])} → {_cut(new[name])}"


def _file(name: str, old: Parts, new: Parts) -> str:
    path = name.removeprefix(FILE)
    return f"{path} {'added' if name not in old else 'removed' if name not in new else 'changed'}"


def _cut(text: str) -> str:
    return repr(text if len(text) <= _LONG else text[: _LONG - 1] + "…") if text else "''"


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
