"""How a command is declared: its own arguments and flags, and the bundles of shared ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click


def command(name: str, *bundles: Sequence[click.Option]) -> Callable[[Callable[..., Any]], click.Command]:
    """`click.command` with the flags of `bundles` (of cli/flags.py) behind those of its own."""

    def declare(function: Callable[..., Any]) -> click.Command:
        made = click.command(name)(function)
        made.params += [option for bundle in bundles for option in bundle]
        return made

    return declare
