"""The calls of the Docker Engine's HTTP API that loading needs (docs.docker.com/reference/api/engine, from v1.24)."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, cast
from urllib.parse import quote, urlencode

from bake.docker_http import DockerConnection, refusal
from bake.errors import Diagnostic, HostError

Open = Callable[[], socket.socket]
_PIECE = 1 << 18


class EngineApi:
    """Every call blocks and has a connection of its own. Raises HostError. `place` is what a user calls the engine."""

    def __init__(self, open: Open, place: str) -> None:
        self._open = open
        self.place = place

    def version(self) -> dict[str, Any]:
        return cast(dict[str, Any], self._get("/version"))

    def has_classic_store(self) -> bool:
        """Whether images are kept as chains of layers, so that layers which are there need not be sent."""
        status = self._get("/info").get("DriverStatus") or []
        return not any("containerd" in str(row[-1]) for row in status if row and row[0] == "driver-type")

    def image(self, name: str) -> dict[str, Any] | None:
        """An image by id or name; None when it is not there."""
        return cast("dict[str, Any] | None", self._get(f"/images/{quote(name, safe='/:')}/json", missing=True))

    def images(self) -> list[str]:
        """The ids of all images."""
        return [str(row["Id"]) for row in self._get("/images/json")]

    def tag(self, image: str, repository: str, tag: str) -> None:
        with self._call("POST", f"/images/{image}/tag?{urlencode({'repo': repository, 'tag': tag})}") as answer:
            answer.read()

    def load(self, write: Callable[[IO[bytes]], None]) -> None:
        """Sends the archive that `write` writes, while it is written."""
        with self._call("POST", "/images/load?quiet=1", write) as answer:
            for line in answer.read().splitlines():
                message = _error_of(line)
                if message:
                    raise self._refused(message)

    def _get(self, path: str, missing: bool = False) -> Any:
        with self._call("GET", path, fine=(404,) if missing else ()) as answer:
            body = answer.read()
            return None if answer.status == 404 else json.loads(body)

    @contextmanager
    def _call(
        self, method: str, path: str, write: Callable[[IO[bytes]], None] | None = None, fine: tuple[int, ...] = ()
    ) -> Iterator[http.client.HTTPResponse]:
        connection = DockerConnection(self._open())
        try:
            connection.putrequest(method, path)
            if write is not None:
                connection.putheader("Content-Type", "application/x-tar")
                connection.putheader("Transfer-Encoding", "chunked")
            elif method == "POST":
                connection.putheader("Content-Length", "0")
            connection.endheaders()
            if write is not None:
                _send(connection, write)
            answer = connection.getresponse()
            if answer.status >= 300 and answer.status not in fine:
                raise self._refused(refusal(answer))
            yield answer
        except (OSError, http.client.HTTPException, ValueError) as error:
            message = f"lost the engine at {self.place}: {error}"
            raise HostError(Diagnostic("load-failed", message, hint="is it running, and may you use it?")) from None
        finally:
            connection.close()

    def _refused(self, said: str) -> HostError:
        return HostError(Diagnostic("load-failed", f"the engine at {self.place} refused the image: {said}"))


class _Chunks:
    """A file whose writes leave as chunks of an HTTP body."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        self._held += data
        if len(self._held) >= _PIECE:
            self.flush()
        return len(data)

    def flush(self) -> None:
        if self._held:
            self._connection.send(b"%x\r\n%b\r\n" % (len(self._held), bytes(self._held)))
            self._held.clear()


def _send(connection: http.client.HTTPConnection, write: Callable[[IO[bytes]], None]) -> None:
    """The body. An engine that refuses closes its end early; what it says is read all the same."""
    chunks = _Chunks(connection)
    try:
        write(cast(IO[bytes], chunks))
        chunks.flush()
        connection.send(b"0\r\n\r\n")
    except (BrokenPipeError, ConnectionResetError):
        pass


def _error_of(line: bytes) -> str:
    """The message of a line of progress that tells an error, "" of others."""
    try:
        row = json.loads(line)
    except ValueError:
        return ""
    return str(row.get("error") or "") if isinstance(row, dict) else ""
