"""`bake builders`: what each builder says of itself, and what our own runs have seen of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bake.app.candidates import candidates
from bake.app.options import Options
from bake.app.remote import need_packages
from bake.app.session import Session
from bake.errors import BakeError
from bake.events import BuilderState

if TYPE_CHECKING:
    from bake.engine.buildkit.choice import Candidate


async def ask_builders(options: Options) -> tuple[BuilderState, ...]:
    """The builders in the order they are configured, all asked at once. Raises InputError for a bad address."""
    with Session(options) as session:
        if not options.builders and not session.settings.builders:
            return ()
        need_packages()
        found = candidates(options, session.settings, session.environment, session.store.files)
        return tuple(await asyncio.gather(*(_ask(session, candidate) for candidate in found)))


async def _ask(session: Session, candidate: Candidate) -> BuilderState:
    from grpclib.exceptions import GRPCError, StreamTerminatedError

    from bake.engine.buildkit.address import parse_address
    from bake.engine.buildkit.client import Builder
    from bake.engine.buildkit.failure import lost
    from bake.engine.buildkit.known import ask
    from bake.engine.buildkit.pool import remembered_tally

    tally = remembered_tally(session.store.files, candidate.addr)
    known = BuilderState(
        addr=candidate.addr, slots=candidate.slots, labels=dict(candidate.labels), platforms=candidate.platforms,
        steps_cached=tally.cached, steps_run=tally.run,
    )  # fmt: skip
    builder = Builder(parse_address(candidate.addr, session.environment))
    try:
        about = await ask(session.store.files, builder)
        size, in_use = await builder.usage()
    except BakeError as error:
        return replace(known, problem=_without(candidate.addr, str(error)))
    except (GRPCError, StreamTerminatedError, TimeoutError, OSError) as error:
        return replace(known, problem=_without(candidate.addr, str(lost(candidate.addr, error))))
    finally:
        builder.close()
    version = about.version or f"before 0.11 ({about.worker})"
    given = next((row.platforms for row in session.settings.builders if row.addr == candidate.addr), ())
    platforms = tuple(given) or about.platforms
    return replace(known, version=version, platforms=platforms, cache_bytes=size, in_use=in_use)


def _without(addr: str, problem: str) -> str:
    """What is wrong, where the address stands beside it."""
    return problem.replace(f" builder {addr}", "")
