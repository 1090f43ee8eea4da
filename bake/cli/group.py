"""The root of the command line: finds the command a line means and imports only that one.

`bake NAME` builds when NAME is no command; shared flags may stand before the command's name; `bake` alone builds the
default group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import click

from bake import __version__
from bake.cli.commands import COMMANDS, IMPLICIT, load
from bake.cli.exits import EXIT_CODES
from bake.cli.flags import with_value

HELP_NAMES = ("-h", "--help")
_USAGE = "[COMMAND] [TARGET...] [OPTIONS]"
_HELP = "Builds all container images of a repository from one bake.toml."


class Root(click.Group):
    """A group whose commands are the rows of `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        return cast(click.Command, load(cmd_name)) if cmd_name in COMMANDS else None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not (ctx.resilient_parsing and not args):  # completing the first word: a command or a target
            words, args = args, arrange(args)
            ctx.meta[IMPLICIT] = args[0] not in words
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        formatter.write_paragraph()
        formatter.write_text("`bake NAME` builds the target NAME; `bake COMMAND --help` shows the flags of a command.")
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in EXIT_CODES.items()])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [_USAGE]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[click.shell_completion.CompletionItem]:
        from bake.cli.complete import target_items

        return super().shell_complete(ctx, incomplete) + target_items(ctx, None, incomplete)


def arrange(args: Sequence[str]) -> list[str]:
    """The line with the command's name first.

    >>> arrange(["-j", "2", "app", "--push"])
    ['build', '-j', '2', 'app', '--push']
    >>> arrange(["-f", "other.toml", "plan", "app"])
    ['plan', '-f', 'other.toml', 'app']
    """
    words = list(args)
    first = next(_positions(words), None)
    before = words[:first] if first is not None else words
    if "--version" in before:
        return ["--version"]
    if first is None:
        return ["--help"] if any(name in before for name in HELP_NAMES) else ["build", *words]
    if words[first] in COMMANDS:
        return [words[first], *before, *words[first + 1 :]]
    return ["build", *words]


def _positions(words: Sequence[str]) -> Iterator[int]:
    """Where the words stand that are neither flags nor their values; all after `--` are out of the question."""
    valued, number = with_value(), 0
    while number < len(words) and words[number] != "--":
        word = words[number]
        if not word.startswith("-") or word == "-":
            yield number
        elif _awaits_value(word, valued):
            number += 1
        number += 1


def _awaits_value(word: str, valued: frozenset[str]) -> bool:
    """Whether the next word is the value of this one: `--file`, `-j`, `-kj`; not `--file=x`, `-j4`."""
    if word.startswith("--"):
        return word in valued
    for number, letter in enumerate(word[1:], 1):
        if f"-{letter}" in valued:
            return number == len(word) - 1
    return False


root = Root("bake", help=_HELP, context_settings={"help_option_names": list(HELP_NAMES)}, no_args_is_help=False)
root = click.version_option(__version__, "--version", prog_name="bake", message="%(prog)s %(version)s")(root)
