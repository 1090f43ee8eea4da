"""A delivery wired to what a session has open; and the last thing a job does: its files and loads."""

from __future__ import annotations

from collections.abc import Callable

from bake.app.attesting import Attestor, Invoked
from bake.app.delivery import Delivery
from bake.app.documents import Delivered, Documents
from bake.app.jobs import Job
from bake.app.session import Session
from bake.events import Event


def delivery_of(session: Session, emit: Callable[[Event], None], invoked: Invoked) -> Delivery:
    """A delivery of what `session` builds; `invoked` tells how a target was made."""
    attestor = Attestor(session.store, session.engine, session.engine, invoked)
    documents = Documents(session.store, session.engine, session.fetcher, attestor)

    async def put(job: Job, made: Delivered) -> None:
        if job.unpack:
            for _, state in made.finals:
                await session.engine.ensure(state, lambda _stream, _line: None)
        if job.files:
            from bake.app.writing import write_files

            await write_files(session, documents, job, made, emit)
        if job.loads:
            from bake.app.loads import load_images

            await load_images(session, documents, job, made, emit)

    return Delivery(session.store, documents, lambda: session.registry, emit, put)
