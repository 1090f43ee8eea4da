"""Follows symbolic links inside a root, so that no path ever leads out of it: one rule for trees, layers and mounts."""

from __future__ import annotations

from collections.abc import Callable

_MOST = 255

Link = Callable[[str], str | None]
"""The text of the symbolic link at a path whose parents hold no links; None where no link is. May raise."""


class TooManyLinks(Exception):
    """More links than a path may have; most likely they form a circle."""


def follow(link: Link, path: str, base: str = "", above: Callable[[], None] = lambda: None) -> str:
    """`path` with every link followed, the last component's too; relative to the root, without slashes around it.

    `base` ("" = the whole tree) is where `/` and `..` stop; the result starts with it. Raises TooManyLinks.
    `above` is called for each `..` there; it may raise.
    """
    todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part == "..":
            if not done:
                above()
            done = done[:-1]
            continue
        text = link("/".join([base, *done, part] if base else [*done, part]))
        if text is None:
            done.append(part)
            continue
        links += 1
        if links > _MOST:
            raise TooManyLinks(path)
        if text.startswith("/"):
            done = []
        todo.extend(part for part in reversed(text.split("/")) if part not in ("", "."))
    return "/".join([base, *done] if base else done).strip("/")
