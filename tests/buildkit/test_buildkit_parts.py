"""Addresses, status streams, failures and exported archives, each by itself."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bake.engine.buildkit.address import Address, Tls, parse_address
from bake.engine.buildkit.capabilities import FEATURES, refusal
from bake.engine.buildkit.collect import Keep, collect
from bake.engine.buildkit.dial import ssh_command
from bake.engine.buildkit.failure import exit_code_of, failure
from bake.engine.buildkit.status import Ended, Said, Seen, Started, StatusFold
from bake.engine.buildkit.wire.messages import MESSAGES
from bake.engine.buildkit.wire.schema import SCHEMA
from bake.errors import HostError, InputError, RemoteError, StepFailed
from bake.plan.step import CopyAction, CopyOp, ExecOp, make_step

CERTS = Tls("/d/ca.pem", "/d/cert.pem", "/d/key.pem")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unix:///run/b.sock", Address("", socket="/run/b.sock")),
        ("tcp://host", Address("", host="host", port=1234)),
        ("tcp://host:99?certs=/d", Address("", host="host", port=99, tls=CERTS)),
        ("tcp://[::1]:99?ca=/c&servername=x", Address("", host="::1", port=99, tls=Tls("/c", servername="x"))),
        ("docker:///var/x.sock", Address("", docker=True, socket="/var/x.sock")),
        ("docker://", Address("", docker=True, socket="/var/run/docker.sock")),
        ("docker://h?certs=/d", Address("", docker=True, host="h", port=2376, tls=CERTS)),
        ("ssh://me@host:22", Address("", host="host", port=22, ssh=True, user="me")),
        ("docker+ssh://host", Address("", docker=True, host="host", ssh=True)),
    ],
)
def test_addresses(text: str, expected: Address) -> None:
    found = parse_address(text, {})
    assert {f: getattr(found, f) for f in Address.__slots__ if f != "text"} == {
        f: getattr(expected, f) for f in Address.__slots__ if f != "text"
    }


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"DOCKER_HOST": "unix:///x.sock"}, "docker:///x.sock"),
        ({"DOCKER_HOST": "tcp://h:1"}, "docker://h:1"),
        ({"DOCKER_HOST": "tcp://h:1", "DOCKER_TLS_VERIFY": "1", "HOME": "/me"}, "docker://h:1?certs=/me/.docker"),
        ({"DOCKER_HOST": "tcp://h:1", "DOCKER_CERT_PATH": "/c"}, "docker://h:1?certs=/c"),
        ({"DOCKER_HOST": "ssh://u@h"}, "docker+ssh://u@h"),
    ],
)
def test_docker_as_the_docker_command_finds_it(environment: dict[str, str], expected: str) -> None:
    assert parse_address("docker://", environment).text == expected


@pytest.mark.parametrize(
    "text",
    ["/run/x.sock", "http://x", "unix:x", "unix://relative", "tcp://", "tcp://h:port", "tcp://h?crt=/x", "tcp://h?cert=/x",
     "ssh://-oProxyCommand=x", "ssh://-x@host", "ssh://h?ca=/x", "unix:///x?ca=/y"],
)  # fmt: skip
def test_bad_addresses(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_address(text, {})
    assert caught.value.diagnostics[0].code == "bad-builder"


def test_ssh_runs_the_systems_program_without_asking() -> None:
    words = ssh_command(parse_address("ssh://me@host:2222", {}))
    assert words[0].endswith("/ssh") and "BatchMode=yes" in words
    assert words[-8:] == ["-p", "2222", "-l", "me", "host", "--", "buildctl", "dial-stdio"]


def vertex(digest: str, **fields: Any) -> Any:
    times = {name: MESSAGES.Timestamp(seconds=at) for name, at in fields.items() if name in ("started", "completed")}
    return MESSAGES.Vertex(digest=digest, **{**fields, **times})


def test_a_status_stream() -> None:
    fold, seen = StatusFold(), list[tuple[str, Any]]()
    for message in (
        MESSAGES.StatusResponse(vertexes=[vertex("a"), vertex("b")]),
        MESSAGES.StatusResponse(vertexes=[vertex("a", started=1, completed=1, cached=True), vertex("b", started=2)]),
        MESSAGES.StatusResponse(logs=[MESSAGES.VertexLog(vertex="b", stream=1, msg=b"one\ntw")]),
        MESSAGES.StatusResponse(logs=[MESSAGES.VertexLog(vertex="b", stream=2, msg=b"err\r\n")]),
        MESSAGES.StatusResponse(logs=[MESSAGES.VertexLog(vertex="b", stream=1, msg=b"o\n\xff")]),
        MESSAGES.StatusResponse(vertexes=[vertex("b", inputs=["a"], started=2, completed=5)]),
        MESSAGES.StatusResponse(
            vertexes=[vertex("b", inputs=["a"], started=2, completed=5), vertex("c", started=6, error="bad")]
        ),
        MESSAGES.StatusResponse(vertexes=[vertex("c", started=6, completed=7, error="bad")]),
    ):
        seen += fold.take(message)
    assert seen == [
        ("b", Started()), ("a", Ended(True, 0.0)), ("b", Said("stdout", "one")), ("b", Said("stderr", "err")),
        ("b", Said("stdout", "two")), ("b", Said("stdout", "�")), ("b", Ended(False, 3.0)), ("c", Started()),
        ("c", Seen("bad")),
    ]  # fmt: skip
    assert fold.failed() == [("c", "bad")]


def test_what_stands_on_nothing_is_looked_up_before_it_is_found_in_the_cache() -> None:
    fold = StatusFold()
    looked_up = [vertex("a", started=1, completed=2), vertex("b", started=1, completed=2)]
    seen = list(fold.take(MESSAGES.StatusResponse(vertexes=looked_up)))
    seen += fold.take(MESSAGES.StatusResponse(vertexes=[vertex("a", started=3, completed=3, cached=True)]))
    seen += fold.take(MESSAGES.StatusResponse(vertexes=[vertex("b", started=3, completed=7)]))
    assert seen == [("a", Started()), ("b", Started()), ("a", Ended(True, 0.0))]
    assert list(fold.rest()) == [("b", Ended(False, 4.0))]
    assert list(fold.rest()) == []


def test_failures() -> None:
    run, copy = make_step(ExecOp(("sh", "-c", "x")), ()), make_step(CopyOp(()), ())
    text = "executor failed running [/bin/sh -c x]: exit code: 3"
    error = failure(text, run, exit_code_of(text, []), "A")
    assert isinstance(error, StepFailed) and (error.exit_code_of_step, str(error)) == (
        3, "process 'sh -c x' exited with code 3",
    )  # fmt: skip
    details = [("github.com/moby/buildkit/x.ExitMessage+json", b'{"Code": 5}')]
    assert exit_code_of("process did not complete successfully", details) == 5
    kinds = {
        'failed to calculate checksum of ref x: "/y": not found': (copy, "missing-source"),
        "cannot copy to non-directory: /var/lib/docker/overlay2/xy/merged/d": (copy, "bad-copy"),
        "link /nothing /h: no such file or directory": (copy, "bad-archive"),
        "linkat nothing h: no such file or directory": (copy, "bad-archive"),
        'invalid hardlink target "../../etc/passwd"': (copy, "bad-archive"),
        "statat l: path escapes from parent": (copy, "bad-archive"),
        "failed to resolve source metadata for docker.io/x: pull access denied": (None, "pull-failed"),
        "write /x: no space left on device": (None, "builder-full"),
        "something else": (None, "builder-failed"),
        "unknown API capability exec.secretenv": (run, "builder-cannot"),
        "network.host is not allowed": (run, "builder-cannot"),
    }
    for text, (step, code) in kinds.items():
        assert (failure(text, step, None, "A").diagnostics[0].code, text) == (code, text)
    assert "/overlay2/" not in str(failure("cannot copy to non-directory: /a/overlay2/x/merged/d", copy, None, "A"))
    owned = make_step(CopyOp((CopyAction(1, "/a", "/b", owner="bob"),)), ())
    for text in ('"/etc/passwd" not found: not found', "open /x/overlay2/y/diff/etc/group: no such file or directory"):
        error = failure(text, owned, None, "A")
        assert (error.diagnostics[0].code, "overlay2" in str(error)) == ("bad-owner", False)
    assert str(failure('cache key: "/x" not found: not found', copy, None, "A")) == '"/x": not found'
    assert isinstance(failure("pull access denied", None, None, "A"), RemoteError)


def test_every_feature_is_told_in_its_words() -> None:
    for feature in FEATURES:
        error = refusal(f"unknown API capability {feature.cap}", "A")
        assert error is not None and feature.what in str(error) and feature.since in str(error)
    text = " ".join((Path(__file__).parents[2] / "docs/buildkit.md").read_text().split())
    assert [feature.what for feature in FEATURES if f"| {feature.what} | {feature.since} |" not in text] == []


def test_field_numbers_are_unique() -> None:
    numbers, name = dict[str, list[str]](), ""
    for line in SCHEMA.strip().splitlines():
        if line.startswith(" "):
            numbers[name].append(line.split()[0])
        else:
            name = line
            assert name not in numbers
            numbers[name] = []
    assert [name for name, found in numbers.items() if len(found) != len(set(found))] == []


# Archives


def layer(*files: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def saved(diff_ids: list[str], *members: tuple[str, bytes]) -> io.BytesIO:
    config = json.dumps({"rootfs": {"diff_ids": diff_ids}, "history": [{"created": "2026-01-02T03:04:05.5Z"}]}).encode()
    names = [name for name, _ in members if name.endswith("layer.tar")]
    manifest = json.dumps([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": names}]).encode()
    return io.BytesIO(layer(*members, ("c.json", config), ("manifest.json", manifest)))


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "blobs").mkdir()
    return Keep(
        frozenset(), lambda: tmp_path / "scratch", lambda file, digest: file.rename(tmp_path / "blobs" / digest)
    )


def test_a_saved_image(keep: Keep, tmp_path: Path) -> None:
    data = layer(("a", b"A"))
    diff_id = f"sha256:{hashlib.sha256(data).hexdigest()}"
    (taken,) = collect(saved([diff_id], ("1/layer.tar", data)), keep)["x:1"].layers
    assert (taken.diff_id, taken.created) == (diff_id, 1767323045.5)
    assert taken.blob is not None and [path.name for path in (tmp_path / "blobs").iterdir()] == [taken.blob.digest]


@pytest.mark.parametrize(
    "archive",
    [
        io.BytesIO(b""),
        io.BytesIO(b"no archive at all" * 100),
        io.BytesIO(layer(("manifest.json", b"{"))),
        io.BytesIO(layer(("manifest.json", b'[{"Config": "../../etc/passwd", "RepoTags": null, "Layers": []}]'))),
        io.BytesIO(layer(("index.json", b'{"manifests": [{"digest": "sha256:00"}]}'))),
        saved(["sha256:" + "0" * 64], ("1/layer.tar", layer(("a", b"other")))),
        io.BytesIO(saved(["sha256:00"], ("1/layer.tar", layer(("a", b"A" * 9000)))).getvalue()[:3000]),
    ],
)
def test_hostile_and_broken_exports(archive: io.BytesIO, keep: Keep, tmp_path: Path) -> None:
    with pytest.raises(HostError) as caught:
        collect(archive, keep)
    assert caught.value.diagnostics[0].code == "bad-export"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blobs", "scratch"]
