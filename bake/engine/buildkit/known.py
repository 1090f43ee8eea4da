"""What is known of a builder: what it can do is asked once for each version of it, who it is in every run beside the
work, for the next one.
"""

from __future__ import annotations

from uuid import uuid4

import msgspec

from bake.engine.buildkit.address import Address
from bake.engine.buildkit.client import Builder
from bake.ports.files import Files

_FACT = "buildkit"


class Known(msgspec.Struct, frozen=True):
    """What is remembered of a builder, so that it is asked once and not in every run."""

    version: str
    worker: str
    platforms: tuple[str, ...]
    caps: tuple[str, ...]
    labels: dict[str, str] = {}


async def ask(files: Files, builder: Builder) -> Known:
    """Asks a builder who it is, and what it can do if it is another than before; both are remembered."""
    about = await builder.about()
    before = recall(files, builder.address)
    if before is not None and (before.version, before.worker) == (about.version, about.worker):
        caps = before.caps
    else:
        caps = tuple(sorted(await builder.capabilities(uuid4().hex)))
    known = Known(about.version, about.worker, about.platforms, caps, dict(about.labels))
    if known != before:
        files.remember_fact(_FACT, builder.address.text, msgspec.msgpack.encode(known))
    return known


async def learn(files: Files, address: Address) -> Known:
    """The same on a connection of its own."""
    builder = Builder(address)
    try:
        return await ask(files, builder)
    finally:
        builder.close()


def recall(files: Files, address: Address) -> Known | None:
    """What was learnt of a builder in an earlier run."""
    data = files.fact(_FACT, address.text)
    try:
        return msgspec.msgpack.decode(data, type=Known) if data is not None else None
    except msgspec.DecodeError:
        return None
