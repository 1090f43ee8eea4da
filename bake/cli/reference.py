"""docs/commands.md from the commands themselves, so that the page says what they do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from bake.cli.commands import COMMANDS, load
from bake.cli.flags import BUILD, SPEC, VIEW

_HEAD = """# Commands

`bake NAME` builds the target NAME; a command's name wins over a target's, and `bake build NAME` is always clear.
Without a name the group `default` is built. Results go to stdout, everything else to stderr.

This page is written from the commands themselves: `python docs/tables.py`.
"""
_BUNDLES = {
    "spec": (SPEC, "Flags that choose and change the spec"),
    "build": (BUILD, "Flags that say how to build"),
    "view": (VIEW, "Flags that say how a run is shown"),
}


def page() -> str:
    """The whole page, as Markdown."""
    bundles = "\n".join(_bundle(name) for name in _BUNDLES)
    return _HEAD + "\n" + "\n".join(_section(name, _command(name)) for name in COMMANDS) + "\n" + bundles


def _command(name: str) -> click.Command:
    found = load(name)
    assert isinstance(found, click.Command)
    return found


def _section(name: str, command: click.Command, level: int = 2) -> str:
    context = click.Context(command, info_name=f"bake {name}")
    usage = " ".join(command.collect_usage_pieces(context))
    parts = [f"{'#' * level} bake {name}\n", f"    bake {name} {usage}\n", _help(command)]
    own = [option for option in _options(command) if not any(option in flags for flags, _ in _BUNDLES.values())]
    parts += [_table(own)] if own else []
    shared = [f"[{name}](#{_anchor(name)})" for name, (flags, _) in _BUNDLES.items() if _takes(command, flags)]
    parts += [f"Shared flags: {', '.join(shared)}.\n"] if shared else []
    if isinstance(command, click.Group):
        parts += [_section(f"{name} {each}", command.commands[each], level + 1) for each in command.commands]
    return "\n".join(parts)


def _takes(command: click.Command, flags: Sequence[click.Option]) -> bool:
    return any(flag in command.params for flag in flags)


def _anchor(bundle: str) -> str:
    return _BUNDLES[bundle][1].lower().replace(" ", "-")


def _bundle(name: str) -> str:
    flags, title = _BUNDLES[name]
    return f"## {title}\n\n{_table(flags)}"


def _options(command: click.Command) -> Iterator[click.Option]:
    return (param for param in command.params if isinstance(param, click.Option) and not param.hidden)


def _help(command: click.Command) -> str:
    paragraphs = (command.help or "").replace("\b", "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs) + "\n"


def _table(options: Sequence[click.Option]) -> str:
    rows = [f"| {_names(option)} | {_told(option)} |" for option in options]
    return "\n".join(["| flag | does |", "|---|---|", *rows]) + "\n"


def _names(option: click.Option) -> str:
    names = ", ".join((*option.opts, *option.secondary_opts))
    if option.is_flag:
        return f"`{names}`"
    value = option.metavar or (_choices(option.type) if isinstance(option.type, click.Choice) else option.type.name)
    return f"`{names} {value}`".replace("|", "\\|")


def _choices(kind: click.Choice[str]) -> str:
    return "|".join(str(choice) for choice in kind.choices)


def _told(option: click.Option) -> str:
    default = f" Default: `{option.default}`." if option.show_default and option.default else ""
    return (option.help or "").replace("|", "\\|") + default
