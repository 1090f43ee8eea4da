"""What is known of a builder: it is asked once, and again only when it says that it is another version."""

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
    """Asks a builder who it is; what it can do is asked once for each version of it."""
    about = await builder.about()
    remembered = recall(files, builder.address)
    if remembered is not None and (remembered.version, remembered.worker) == (about.version, about.worker):
        return remembered
    caps = await builder.capabilities(uuid4().hex)
    known = Known(about.version, about.worker, about.platforms, tuple(sorted(caps)), dict(about.labels))
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
