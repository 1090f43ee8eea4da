"""HTTP to a Docker Engine over a socket that someone else has opened; what is asked there, its callers know."""

from __future__ import annotations

import http.client
import json
import socket


class DockerConnection(http.client.HTTPConnection):
    """For one request; closing it closes the socket."""

    def __init__(self, opened: socket.socket) -> None:
        super().__init__("docker")
        self.sock = opened


def refusal(answer: http.client.HTTPResponse) -> str:
    """What the engine says in an answer that is an error."""
    body = answer.read(1 << 16)
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status} {answer.reason}"
