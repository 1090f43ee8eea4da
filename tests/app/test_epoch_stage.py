"""SOURCE_DATE_EPOCH that names a stage: the date is that of the one thing which the stage fetches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from projects import Project

from bake.errors import InputError

WHEN = "2020-09-13T12:26:40Z"
TEXT = """
ARG SOURCE_DATE_EPOCH=Dated
FROM scratch AS dated
ARG NAME=file
ADD {url}/$NAME /
FROM scratch
COPY a /
"""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Last-Modified", "Sun, 13 Sep 2020 12:26:40 GMT")
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"x")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def project(directory: Path, text: str) -> Project:
    made = Project(directory)
    made.write("Dockerfile", text)
    made.write("a", "a")
    made.write("bake.toml", '[target.app]\noutput = ["type=oci,dest=out,tar=false"]\n')
    return made


def test_the_date_of_what_the_stage_fetches(tmp_path: Path, url: str) -> None:
    made = project(tmp_path, TEXT.format(url=url))
    assert made.build().errors == ()
    blobs = [path.read_bytes() for path in (made.root / "out/blobs/sha256").iterdir()]
    (config,) = [data for data in blobs if data.startswith(b"{") and b'"history"' in data]
    assert f'"created":"{WHEN}"'.encode() in config.replace(b" ", b"")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("FROM scratch AS", "FROM other AS", "must use FROM scratch"),
        ("ADD {url}/$NAME /", "COPY a /", "must contain exactly one remote ADD"),
        ("ADD {url}/$NAME /", "ADD a /", "must contain exactly one remote ADD"),
        ("ADD {url}/$NAME /", "ADD {url}/a {url}/b /", "must contain exactly one remote ADD"),
        ("ARG NAME=file", "ENV NAME=file", "nothing else but ARG"),
    ],
)
def test_a_stage_of_another_shape_is_refused(tmp_path: Path, url: str, old: str, new: str, said: str) -> None:
    made = project(tmp_path, TEXT.replace(old, new).format(url=url))
    with pytest.raises(InputError, match=said) as caught:
        made.build()
    (found,) = caught.value.diagnostics
    assert (found.code, found.span is not None) == ("bad-epoch", True)
