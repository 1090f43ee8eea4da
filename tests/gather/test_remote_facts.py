"""Base images and URLs: asked once, revalidated, and as last known when nobody answers (SPEC §3.7)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import pytest

from bake.errors import Diagnostic, RemoteError, StepError
from bake.errors import Source as Text
from bake.gather.images import image_fact
from bake.gather.urls import url_fact
from bake.oci.digest import Digest
from bake.oci.model import Descriptor, ImageConfig, RootFS
from bake.oci.platform import Platform
from bake.oci.reference import Reference
from bake.plan.facts import ImageFact, ImageQuery
from bake.plan.step import HttpOp
from bake.store import DiskStore, open_store

ONE, TWO = (Digest("sha256:" + digit * 64) for digit in "12")


class Source:
    """An image source that counts what it is asked; `down` makes it unreachable."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.now = ONE
        self.down = ""

    async def digest_of(self, reference: Reference) -> str:
        self.asked.append(f"tag {reference.tag}")
        if self.down:
            raise RemoteError(Diagnostic(self.down, "no"))
        return self.now

    async def image(self, reference: Reference, platform: Platform) -> ImageFact:
        self.asked.append(f"image {reference.digest}")
        config = ImageConfig(architecture=platform.arch, os=platform.os, rootfs=RootFS(diff_ids=(ONE,)))
        return ImageFact(str(reference.digest), config, (Descriptor("layer", ONE, 1),))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    opened = open_store(tmp_path / "store")
    yield opened
    opened.close()


def ask(
    store: DiskStore, source: Source, warnings: list[Diagnostic], name: str = "h.example/a:1", pull: bool = False
) -> str:
    query = ImageQuery(name, "linux/amd64", pull)
    return anyio.run(image_fact, query, source, store.files, warnings.append).digest


def test_a_tag_is_looked_up_and_an_image_fetched_once(store: DiskStore) -> None:
    source, warnings = Source(), []
    assert [ask(store, source, warnings) for _ in range(2)] == [ONE, ONE]
    assert source.asked == ["tag 1", f"image {ONE}", "tag 1"]
    source.now = TWO
    assert ask(store, source, warnings) == TWO
    assert warnings == []


def test_a_pinned_image_needs_nobody(store: DiskStore) -> None:
    source = Source()
    ask(store, source, [], f"h.example/a@{ONE}")
    source.asked.clear()
    ask(store, source, [], f"h.example/a@{ONE}")
    assert source.asked == []


def test_offline_the_digest_known_last_is_used_with_a_warning(store: DiskStore) -> None:
    source, warnings = Source(), []
    ask(store, source, warnings)
    source.down = "registry-unreachable"
    assert ask(store, source, warnings) == ONE
    assert [w.code for w in warnings] == ["offline"]
    with pytest.raises(RemoteError):
        ask(store, source, warnings, pull=True)
    source.down = "registry-denied"
    with pytest.raises(RemoteError):
        ask(store, source, warnings)


class Handler(BaseHTTPRequestHandler):
    body, asked = b"one", []

    def do_GET(self) -> None:
        tag = hashlib.sha256(self.body).hexdigest()[:8]
        type(self).asked.append(self.headers.get("If-None-Match"))
        fresh = self.headers.get("If-None-Match") == tag
        self.send_response(404 if self.path == "/none" else 304 if fresh else 200)
        self.send_header("ETag", tag)
        self.send_header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
        self.send_header("Content-Length", "0" if fresh else str(len(self.body)))
        self.end_headers()
        if not fresh:
            self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.body, Handler.asked = b"one", []
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    made.server_close()


def test_a_url_is_downloaded_once_and_revalidated(store: DiskStore, server: str) -> None:
    op = HttpOp(f"{server}/file", "file")
    first = url_fact(op, store, lambda _: None)
    assert first.digest == "sha256:" + hashlib.sha256(b"one").hexdigest()
    assert (first.size, first.mtime) == (3, 1445412480.0)
    path = store.blobs.path(first.digest)
    assert path is not None and path.read_bytes() == b"one"
    assert url_fact(op, store, lambda _: None) == first
    assert Handler.asked[0] is None and Handler.asked[1] is not None
    Handler.body = b"two!"
    assert url_fact(op, store, lambda _: None).size == 4


def test_a_checksum_is_held_and_spares_the_request(store: DiskStore, server: str) -> None:
    good = "sha256:" + hashlib.sha256(b"one").hexdigest()
    for _ in range(2):
        url_fact(HttpOp(f"{server}/file", "file", good), store, lambda _: None)
    assert len(Handler.asked) == 1
    with pytest.raises(StepError, match="digest mismatch"):
        url_fact(HttpOp(f"{server}/file", "file", ONE), store, lambda _: None)


def test_an_unreachable_url_is_as_it_was_and_a_refused_one_is_not(store: DiskStore, server: str) -> None:
    warnings: list[Diagnostic] = []
    with pytest.raises(RemoteError, match="404"):
        url_fact(HttpOp(f"{server}/none", "none"), store, warnings.append)
    gone = HttpOp("http://127.0.0.1:9/file", "file")
    with pytest.raises(RemoteError):
        url_fact(gone, store, warnings.append)


@pytest.mark.parametrize(("name", "hint"), [("biuld", "did you mean the stage build?"), ("h.example/other", None)])
def test_an_image_that_is_not_there_is_told_where_it_is_named(store: DiskStore, name: str, hint: str | None) -> None:
    source = Source()
    source.down = "registry-not-found"
    place = Text("Dockerfile", f"FROM scratch AS build\nFROM {name}\n").span(27)
    query = ImageQuery(f"{name}:latest", "linux/amd64", span=place, stages=("build",))
    with pytest.raises(RemoteError) as caught:
        anyio.run(image_fact, query, source, store.files, lambda _: None)
    (found,) = caught.value.diagnostics
    assert str(found.span) == "Dockerfile:2:6"
    assert found.hint == hint
