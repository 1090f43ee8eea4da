"""The few calls of the Docker Engine's own API that its BuildKit needs beside it: fetch, push, drop."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import quote, urlencode

from bake.docker_http import DockerConnection, refusal
from bake.engine.buildkit.dial import Dialer
from bake.errors import Diagnostic, HostError


class NoSuchImage(HostError):
    """The engine has no image of that name."""


class DockerApi:
    """Every call blocks and has a connection of its own. Raises HostError, NoSuchImage."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer

    @contextmanager
    def save(self, names: Sequence[str]) -> Iterator[http.client.HTTPResponse]:
        """The archive of images, as `docker save` writes it."""
        query = urlencode([("names", name) for name in names])
        with self._request("GET", f"/images/get?{query}") as answer:
            yield answer

    def layers(self, name: str) -> tuple[str, ...]:
        """Diff ids of an image, bottom first."""
        with self._request("GET", f"/images/{quote(name, safe='/:')}/json") as answer:
            return tuple(json.loads(answer.read())["RootFS"].get("Layers") or ())

    def names(self, pattern: str) -> list[str]:
        """Names of images whose repository matches, as `docker images` filters by reference."""
        query = urlencode({"filters": json.dumps({"reference": [pattern]})})
        with self._request("GET", f"/images/json?{query}") as answer:
            return [name for image in json.loads(answer.read()) for name in image["RepoTags"] or ()]

    def drop(self, name: str) -> None:
        """Takes a name away, and the image with its last one, if the engine lets it go.

        One that is busy with the removal of others may refuse; that harms no build.
        """
        with suppress(HostError), self._request("DELETE", f"/images/{quote(name, safe='/:')}?noprune=false") as answer:
            answer.read()

    def push(self, repository: str, tag: str, user: str, secret: str) -> None:
        """Pushes an image that the engine has; `user` "" with an identity token."""
        login = {"username": user, "password": secret} if user else {"identitytoken": secret}
        header = base64.urlsafe_b64encode(json.dumps(login).encode()).decode()
        path = f"/images/{quote(repository, safe='/:')}/push?{urlencode({'tag': tag})}"
        with self._request("POST", path, headers={"X-Registry-Auth": header}) as answer:
            for line in answer:
                if error := json.loads(line).get("error"):
                    raise HostError(Diagnostic("builder-failed", f"the Docker Engine cannot push: {error}"))

    @contextmanager
    def _request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        connection = DockerConnection(self._dialer.open_secure())
        try:
            connection.request(method, path, headers=dict(headers or {}))
            answer = connection.getresponse()
            if answer.status >= 300:
                raise _refused(refusal(answer), answer.status)
            yield answer
        except (OSError, http.client.HTTPException) as error:
            message = f"lost the Docker Engine at {self._dialer.address.text}: {error}"
            raise HostError(Diagnostic("builder-lost", message, hint="build again")) from None
        finally:
            connection.close()


def _refused(said: str, status: int) -> HostError:
    kind = NoSuchImage if status == 404 else HostError
    return kind(Diagnostic("builder-failed", f"the Docker Engine refused: {said}"))
