"""Values for the shell's completion: target and group names of the bake.toml at hand."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem


def target_items(context: click.Context, _param: click.Parameter | None, incomplete: str) -> list[CompletionItem]:
    """Names that start so; none when there is no readable bake.toml, for completion must never fail."""
    from bake.cli.flags import options

    try:
        from bake.app.listing import list_

        listing = list_(options((), {"file": context.params.get("file")}))
    except Exception:
        return []
    names = {target.name: target.description for target in listing.targets} | {
        group.name: group.description or "group" for group in listing.groups
    }
    return [CompletionItem(name, help=help) for name, help in names.items() if name.startswith(incomplete)]
