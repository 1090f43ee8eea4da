"""Secrets: values by id, told when a step starts and at no other time."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from bake.engine.buildkit.session import Method, Methods
from bake.engine.buildkit.wire.messages import MESSAGES


class Secrets:
    """Two targets may give one id different values; the second then goes by another id."""

    def __init__(self, values: MutableMapping[str, bytes] | None = None) -> None:
        self._values = {} if values is None else values

    def over(self, values: Mapping[str, bytes]) -> Secrets:
        """The same with these before them, by the very ids that they have."""
        return Secrets(ChainMap(dict(values), self._values))

    def add(self, id: str, value: bytes | None) -> str:
        """The id by which a step gets `value`; None is a secret that is not there."""
        name, number = id, 1
        while self._values.get(name) != value and name in self._values:
            number += 1
            name = f"{id}.{number}"
        if value is not None:
            self._values[name] = value
        return name

    def methods(self) -> Methods:
        return {
            "/moby.buildkit.secrets.v1.Secrets/GetSecret": Method(
                self._answer, MESSAGES.SecretRequest, MESSAGES.SecretResponse
            )
        }

    async def _answer(self, stream: Any) -> None:
        request = await stream.recv_message()
        value = self._values.get(request.id)
        if value is None:
            raise GRPCError(Status.NOT_FOUND, f"secret {request.id}: not found")
        await stream.send_message(MESSAGES.SecretResponse(data=value))
