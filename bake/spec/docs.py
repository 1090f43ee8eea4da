"""The reference tables of the documentation, made from the key table, so that they cannot grow stale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bake.spec.keys import ALL_TARGET_KEYS, MERGE_RULES, TARGET_KEYS, TOP_KEYS, VARIABLE_KEYS, Key


def docs_table() -> str:
    """Markdown: one row a target key."""
    header = ("key", "type", "what it says", "docker's name", "example")
    rows = (
        (f"`{key.name}`", key.type_text, key.help, f"`{key.meaning}`" if key.meaning else "", f"`{key.example}`")
        for key in TARGET_KEYS.values()
    )
    rules = "\n".join(f"- {shape}: {rule}" for shape, rule in MERGE_RULES.items())
    return f"{_table(header, rows)}\n{rules}\n"


def variables_table() -> str:
    """Markdown: one row a key of `[variable.*]`."""
    return _keys(VARIABLE_KEYS)


def top_table() -> str:
    """Markdown: one row a table of bake.toml."""
    return _table(("table", "what it holds"), ((f"`{name}`", help) for name, help in TOP_KEYS.items()))


def explain_key(name: str) -> str | None:
    """A few lines about one target key, `extend-KEY` included; None for what is no key."""
    if name not in ALL_TARGET_KEYS:
        return None
    key = TARGET_KEYS[name if name in TARGET_KEYS else name.removeprefix("extend-")]
    lines = [f"{name} ({key.type_text}): {key.help}", f"merging: {MERGE_RULES[key.shape]}", f"example: {key.example}"]
    if key.meaning:
        lines.insert(1, f"docker: {key.meaning}")
    return "\n".join(lines)


def _keys(keys: Mapping[str, Key]) -> str:
    rows = ((f"`{key.name}`", key.type_text, key.help, f"`{key.example}`") for key in keys.values())
    return _table(("key", "type", "what it says", "example"), rows)


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(header)]
    lines += [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
