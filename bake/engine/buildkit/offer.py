"""The cache of a Docker Engine, offered to other builders: an image that tells inside what it was made of.

Its BuildKit writes no cache to a registry, but such images, and the engine pushes them; every BuildKit reads both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import anyio
from anyio import to_thread

from bake.engine.buildkit.site import Site
from bake.errors import BakeError, Diagnostic, RemoteError
from bake.oci.reference import parse_reference

INLINE: Mapping[str, str] = {"type": "inline"}

Export = Callable[[str], Awaitable[object]]
"""Leaves the image with its inline cache in the engine, under the name that it is given."""


async def offer(site: Site, row: Mapping[str, str], export: Export) -> Diagnostic | None:
    """Pushes a cache to the `ref` of a row of `cache-to`; what went wrong with the push, as a warning.

    Raises RemoteError instead when the row says so (`ignore-error`).
    """
    reference = parse_reference(row["ref"])
    api = site.docker()

    def push() -> None:
        api.push(reference.repository, reference.tag or "latest", *site.ask(reference.domain))

    async with site.offering:  # images that are offered under one name would take it from one another
        await export(str(reference))
        try:
            await to_thread.run_sync(push, abandon_on_cancel=True)
        except BakeError as error:
            message = f"the cache {reference} was not written: {error}"
            hint = "the engine itself must reach the registry; logins are yours"
            if row.get("ignore-error") == "false":
                raise RemoteError(Diagnostic("cache-not-written", message, hint=hint)) from None
            return Diagnostic("cache-not-written", message, hint=hint, severity="warning")
        finally:
            with anyio.move_on_after(5, shield=True):
                await to_thread.run_sync(partial(api.drop, str(reference)))
    return None
