"""A small registry in memory that keeps to the distribution spec where Debian's does not: resuming, referrers.

Debian's docker-registry throws an upload away when a PATCH breaks off (its signed state then names another offset), and
knows no referrers; this one keeps what came, reports it in `Range`, and answers the referrers API.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass
class OciRegistry:
    """`breaks`: for each PATCH to come, after how many body bytes the connection dies. `largest`: bytes a PATCH may
    have, more is a 413. `page`: referrers in one answer. `received`: bytes of all uploads. `delay`: seconds that
    each upload takes; `busiest`: the most that were under way at once.
    """

    host: str = ""
    referrers: bool = True
    breaks: list[int] = field(default_factory=list)
    largest: int = 1 << 40
    page: int = 100
    received: int = 0
    delay: float = 0.0
    under_way: int = 0
    busiest: int = 0
    numbers: Iterator[int] = field(default_factory=itertools.count)
    lock: threading.Lock = field(default_factory=threading.Lock)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)

    def of(self, method: str, path: str = "") -> list[dict[str, str]]:
        """Headers of the requests that match."""
        return [headers for verb, url, headers in self.requests if verb == method and re.search(path, url)]


@contextmanager
def oci_registry(**options: Any) -> Iterator[OciRegistry]:
    """On a free loopback port, in threads."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.state = OciRegistry(f"127.0.0.1:{server.server_port}", **options)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server.state
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    state: OciRegistry
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        pass


_ROUTES = (
    (r"/v2/$", "root"),
    (r"/v2/(.+)/blobs/uploads/(\w*)$", "upload"),
    (r"/v2/(.+)/blobs/(sha256:\w+)$", "blob"),
    (r"/v2/(.+)/manifests/([^/]+)$", "manifest"),
    (r"/v2/(.+)/referrers/(sha256:\w+)$", "referrers"),
)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _handle(self) -> None:
        self.state = self.server.state
        self.state.requests.append((self.command, self.path, dict(self.headers)))
        parts = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        for pattern, name in _ROUTES:
            if found := re.match(pattern, parts.path):
                getattr(self, f"_{name}")(*found.groups())
                return
        self._answer(404)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _handle

    def _root(self) -> None:
        self._answer(200)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _upload(self, name: str, session: str) -> None:
        uploads = self.state.uploads
        if self.command == "POST":
            if "mount" in self.query and (self.query.get("from", ""), self.query["mount"]) in self.state.blobs:
                digest = self.query["mount"]
                self.state.blobs[name, digest] = self.state.blobs[self.query["from"], digest]
                return self._answer(201, {"Docker-Content-Digest": digest})
            session = f"s{next(self.state.numbers)}"
            uploads[session] = bytearray()
            return self._answer(202, {"Location": f"/v2/{name}/blobs/uploads/{session}"})
        if session not in uploads:
            return self._answer(404)
        return getattr(self, f"_upload_{self.command.lower()}")(name, session)

    def _state(self, name: str, session: str) -> dict[str, str]:
        size = len(self.state.uploads[session])
        headers = {"Location": f"/v2/{name}/blobs/uploads/{session}"}
        return headers | ({"Range": f"0-{size - 1}"} if size else {})

    def _upload_get(self, name: str, session: str) -> None:
        self._answer(204, self._state(name, session))

    def _upload_patch(self, name: str, session: str) -> None:
        kept, size = self.state.uploads[session], int(self.headers["Content-Length"])
        start = re.match(r"(\d+)-", self.headers.get("Content-Range", "0-"))
        if start and int(start[1]) != len(kept):
            self._body()
            return self._answer(416, self._state(name, session))
        if size > self.state.largest:
            self._body()
            return self._answer(413)
        stop = self.state.breaks.pop(0) if self.state.breaks else size
        kept += self.rfile.read(min(stop, size))
        self.state.received += min(stop, size)
        return self._reset() if stop < size else self._answer(202, self._state(name, session))

    def _upload_put(self, name: str, session: str) -> None:
        with self._counted():
            body = self._body()
            time.sleep(self.state.delay)
        self.state.received += len(body)
        data = bytes(self.state.uploads.pop(session) + body)
        if _digest(data) != self.query["digest"]:
            return self._answer(400)
        self.state.blobs[name, self.query["digest"]] = data
        return self._answer(201)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self.state.lock:
            self.state.under_way += 1
            self.state.busiest = max(self.state.busiest, self.state.under_way)
        yield
        with self.state.lock:
            self.state.under_way -= 1

    def _blob(self, name: str, digest: str) -> None:
        data = self.state.blobs.get((name, digest))
        self._answer(404) if data is None else self._answer(200, {}, data)

    def _manifest(self, name: str, target: str) -> None:
        if self.command == "PUT":
            body = self._body()
            row = (self.headers["Content-Type"], body)
            self.state.manifests[name, target] = self.state.manifests[name, _digest(body)] = row
            subject = json.loads(body).get("subject", {}).get("digest", "")
            self._answer(201, {"OCI-Subject": subject} if subject and self.state.referrers else {})
            return
        kind, data = self.state.manifests.get((name, target), ("", b""))
        headers = {"Content-Type": kind, "Docker-Content-Digest": _digest(data)}
        self._answer(200, headers, data) if kind else self._answer(404)

    def _referrers(self, name: str, digest: str) -> None:
        if not self.state.referrers:
            return self._answer(404)
        rows, start = [], int(self.query.get("from", "0"))
        for (repository, target), (kind, data) in sorted(self.state.manifests.items()):
            plain = json.loads(data)
            if repository == name and target.startswith("sha256:") and plain.get("subject", {}).get("digest") == digest:
                row = {
                    "mediaType": kind,
                    "digest": target,
                    "size": len(data),
                    "artifactType": plain.get("artifactType"),
                }
                rows.append({k: v for k, v in row.items() if v})
        more = {"Link": f'<{urlsplit(self.path).path}?from={start + self.state.page}>; rel="next"'}
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": rows[start : start + self.state.page]}
        headers = {"Content-Type": INDEX} | (more if start + self.state.page < len(rows) else {})
        return self._answer(200, headers, json.dumps(document).encode())

    def _answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for header, value in (headers or {}).items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: object) -> None:
        pass


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
