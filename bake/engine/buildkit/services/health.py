"""Health: builders ask every few seconds whether we are still there."""

from __future__ import annotations

from typing import Any

from bake.engine.buildkit.session import Method, Methods
from bake.engine.buildkit.wire.messages import MESSAGES

_SERVING = 1


def methods() -> Methods:
    return {"/grpc.health.v1.Health/Check": Method(_answer, MESSAGES.Empty, MESSAGES.HealthResponse)}


async def _answer(stream: Any) -> None:
    await stream.recv_message()
    await stream.send_message(MESSAGES.HealthResponse(status=_SERVING))
