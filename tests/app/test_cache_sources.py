"""Sources that change without what is read from them: a base with the same layers, a URL served anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from git_server import serving
from projects import Project, statuses


def base(directory: Path, label: str, user: str = "", text: str = "same") -> Path:
    """An OCI layout of an image that `bake` makes."""
    project = Project(directory)
    project.add_busybox()
    lines = [
        "FROM scratch",
        "COPY busybox /bin/busybox",
        "COPY file /file",
        f"LABEL l={label}",
        *([user] if user else []),
    ]
    project.write("file", text)
    text = "\n".join(lines)
    row = "output = [{ type = 'oci', dest = 'out', tar = false }]\n"
    args = 'args = { SOURCE_DATE_EPOCH = "1600000000" }\n'
    project.write("bake.toml", f"[target.app]\n{args}{row}dockerfile-inline = '''\n{text}\n'''\n")
    assert project.build().errors == ()
    return project.root / "out"


def on(project: Project, layout: Path) -> Mapping[str, str]:
    text = 'FROM base\nRUN ["/bin/busybox", "cat", "/file"]\nCOPY a /a'
    contexts = json.dumps(f"oci-layout://{layout}")
    project.write("a", "a")
    project.write(
        "bake.toml", f"[target.app]\ncontexts = {{ base = {contexts} }}\ndockerfile-inline = '''\n{text}\n'''\n"
    )
    result = project.build()
    assert result.errors == ()
    return statuses(result.report.steps)


def test_a_base_that_moved_to_an_image_with_the_same_layers(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    assert set(on(project, base(tmp_path / "1", "one")).values()) == {"run"}
    assert set(on(project, base(tmp_path / "2", "two")).values()) == {"cached"}
    assert list(on(project, base(tmp_path / "3", "two", "USER 7")).values()) == ["run", "cached"]
    assert set(on(project, base(tmp_path / "4", "two", text="other")).values()) == {"run"}


@pytest.mark.parametrize(("body", "wanted"), [(b"same", "cached"), (b"other", "run")])
def test_a_url_served_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes, wanted: str) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    served: list[tuple[bytes, str]] = [(b"same", "Sun, 13 Sep 2020 12:26:40 GMT")]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Last-Modified", served[0][1])
            self.end_headers()
            self.wfile.write(served[0][0])

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with serving(Handler) as url:
        project = Project(tmp_path)
        project.write(
            "bake.toml",
            f"[target.app]\ndockerfile-inline = 'FROM scratch\nADD {url}/f /f'\n".replace("'FROM", "'''FROM").replace(
                "/f'\n", "/f'''\n"
            ),
        )
        assert set(statuses(project.build().report.steps).values()) == {"run"}
        served[0] = body, "Mon, 14 Sep 2020 12:26:40 GMT"
        assert set(statuses(project.build().report.steps).values()) == {wanted}
