"""The reference tables of the documentation, made from the key table, so that they cannot grow stale."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from bake.spec.filters import FILTER_HELP
from bake.spec.keys import ALL_TARGET_KEYS, MERGE_RULES, TARGET_KEYS, TOP_KEYS, VARIABLE_KEYS, Key


def docs_table() -> str:
    """Markdown: one row a target key."""
    header = ("key", "type", "what it says", "docker's name", "example")
    rows = (
        (f"`{key.name}`", key.type_text, key.help, f"`{key.meaning}`" if key.meaning else "", f"`{key.example}`")
        for key in TARGET_KEYS.values()
    )
    return _table(header, rows)


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


def entries_tables() -> str:
    """Markdown: for each key whose elements are entries, the keys of those."""
    found: list[str] = []
    for name, key in TARGET_KEYS.items():
        entry = key.atom.entry
        if entry is not None:
            rows = ((f"`{f.name}`", f.atom.says, f.help, ", ".join(f.types)) for f in entry.fields)
            found.append(f"### {name}\n\n{_table(('key', 'it must be', 'what it says', 'only of type'), rows)}")
    return "\n".join(found)


def filters_table() -> str:
    """Markdown: one row a filter."""
    return _table(("filter", "what it makes of the value"), ((f"`{name}`", says) for name, says in FILTER_HELP.items()))


def merging_table() -> str:
    """Markdown: one row a kind of key."""
    kinds = {shape: [f"`{key.name}`" for key in TARGET_KEYS.values() if key.shape == shape] for shape in MERGE_RULES}
    rows = ((shape, rule, " ".join(kinds[shape])) for shape, rule in MERGE_RULES.items())
    return _table(("kind", "rule", "keys"), rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "top": top_table,
    "target": docs_table,
    "entries": entries_tables,
    "variable": variables_table,
    "filters": filters_table,
    "merging": merging_table,
}
_MARK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """The page with each table between its marks (`<!-- table: NAME -->`, `<!-- end -->`) made anew."""
    return _MARK.sub(lambda mark: f"{mark[1]}{TABLES[mark[2]]()}{mark[3]}", page)
