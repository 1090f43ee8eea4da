"""What cases add from the network: files over HTTP and one git repository, both on loopback.

In a case `<http>` and `<git>` stand for the servers, `<commit>` for the last commit of the repository; in results they
stand for themselves, as the ports are other ones each time.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from diff_archives import make_archive
from diff_cases import Case
from git_server import Repository, serving, smart_http

LATE = 1_750_000_000
"""Of the commits: bake dates files by them, 28.5 by the time of the checkout. As late, neither is compared."""
_DATE = {"Last-Modified": "Thu, 01 Jan 2015 00:00:00 GMT"}
_FILES: Mapping[str, tuple[bytes, Mapping[str, str]]] = {
    "/": (b"root", {}),
    "/dated.txt": (b"foo", _DATE),
    "/undated.txt": (b"foo", {}),
    "/a%20b%2Bc.txt?query=x": (b"odd", _DATE),
    "/t.tar.gz": (make_archive({"tar": {"d/": {"owner": "5:6", "mode": "700"}, "d/f": "f"}, "compress": "gz"}), _DATE),
    "/encoded.txt": (gzip.compress(b"plain", mtime=0), {"Content-Encoding": "gzip", **_DATE}),
    "/named": (b"named", {"Content-Disposition": 'attachment; filename="other.txt"', **_DATE}),
    "/target.txt": (b"target", _DATE),
}


class _Files(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", "/target.txt")
            self.end_headers()
            return
        body, headers = _FILES.get(self.path, (b"", {}))
        self.send_response(200 if self.path in _FILES else 404)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Servers:
    """Puts the servers' addresses into cases, and takes them out of results."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def into(self, cases: Iterable[Case]) -> list[Case]:
        return [
            replace(case, dockerfile=self._fill(case.dockerfile), args={k: self._fill(v) for k, v in case.args.items()})
            for case in cases
        ]

    def _fill(self, text: str) -> str:
        for name, value in self._places.items():
            text = text.replace(name, value)
        return text

    def out_of(self, result: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(result)
        for name, value in self._places.items():
            text = text.replace(value, name)
        found: dict[str, Any] = json.loads(text)
        return found


@contextmanager
def servers() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory() as directory:
        repository = Repository(Path(directory) / "repo.git")
        repository.commit({"a": "a", "sub/b": "b"}, LATE)
        repository.git("tag", "v1")
        (repository.path / "sub/run").parent.mkdir(exist_ok=True)
        (repository.path / "sub/run").write_text("run")
        (repository.path / "sub/run").chmod(0o755)
        commit = repository.commit({"a": "second", "sub/deep/c": "c", "link": "-> sub/b"}, LATE)
        with serving(_Files) as http, smart_http(Path(directory)) as git:
            yield Servers({"<http>": http, "<git>": git, "<commit>": commit})
