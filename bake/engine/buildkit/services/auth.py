"""Auth: what to present to a registry. The builder does the exchange for tokens itself (reference §3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from bake.engine.buildkit.session import Method, Methods
from bake.engine.buildkit.wire.messages import MESSAGES

Ask = Callable[[str], tuple[str, str]]
"""Registry → (user, secret); both "" when nothing is known, the user "" for an identity token."""

_DOCKER_HUB = ("registry-1.docker.io", "index.docker.io", "docker.io")


class Auth:
    """`ask` may block: it reads files and runs credential helpers."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def methods(self) -> Methods:
        return {
            "/moby.filesync.v1.Auth/Credentials": Method(
                self._answer, MESSAGES.CredentialsRequest, MESSAGES.CredentialsResponse
            ),
            "/moby.filesync.v1.Auth/GetTokenAuthority": Method(
                _no_authority, MESSAGES.CredentialsRequest, MESSAGES.Bytes
            ),
        }

    async def _answer(self, stream: Any) -> None:
        request = await stream.recv_message()
        host = "docker.io" if request.host in _DOCKER_HUB else request.host
        user, secret = await asyncio.to_thread(self._ask, host)
        await stream.send_message(MESSAGES.CredentialsResponse(user=user, secret=secret))


async def _no_authority(stream: Any) -> None:
    await stream.recv_message()
    raise GRPCError(Status.UNAVAILABLE, "no token authority")
