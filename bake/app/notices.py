"""What commands say on the way: diagnostics as events, and that a registry is asked again."""

from __future__ import annotations

from collections.abc import Callable

from bake.app.session import Session
from bake.errors import Diagnostic
from bake.events import DiagnosticFound, Event
from bake.render.diagnostics import info_of

Emit = Callable[[Event], None]


def tell_notices(session: Session, emit: Emit) -> None:
    """Lets the registry client, which works in threads, say that it tries something again."""
    import asyncio

    loop = asyncio.get_running_loop()

    def notice(line: str) -> None:
        loop.call_soon_threadsafe(emit, found(Diagnostic("trying-again", line, severity="info")))

    session.notice = notice


def found(diagnostic: Diagnostic) -> DiagnosticFound:
    """A diagnostic as an event."""
    return DiagnosticFound(diagnostic=info_of(diagnostic))
