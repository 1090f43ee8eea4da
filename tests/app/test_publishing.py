"""Publishing through a bad network: told, all or nothing, and resumed (SPEC §3.4)."""

from __future__ import annotations

from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import anyio
from faulty_proxy import faulty_proxy
from projects import Project
from registry_server import registry
from two_images import SPEC

from bake.app.publishing import push
from bake.events import BlobFinished, DiagnosticFound, Event


def project(tmp_path: Path, host: str) -> Project:
    made = Project(tmp_path)
    made.write("bake.toml", SPEC.format(host=host))
    made.write("big", "a")
    made.write("small", "b")
    return made


def exists(host: str, name: str) -> bool:
    try:
        with urlopen(f"http://{host}/v2/{name}/tags/list") as answer:
            return b'"1"' in answer.read()
    except HTTPError:
        return False


def outcomes(events: list[Event]) -> list[str]:
    return sorted(event.outcome for event in events if isinstance(event, BlobFinished))


def test_a_passing_refusal_is_told_and_overcome(tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as server, faulty_proxy(server.host) as proxy:
        made = project(tmp_path, proxy.host)
        proxy.add(method="PUT", path="/manifests/", status=503, times=1)
        result = made.build("all", push=True)
        assert result.errors == ()
        told = [event.diagnostic for event in made.events if isinstance(event, DiagnosticFound)]
        assert [d.code for d in told] == ["trying-again"]
        assert "503" in told[0].message
        assert exists(server.host, "one") and exists(server.host, "two")


def test_no_tag_moves_when_one_image_cannot_be_sent_and_push_goes_on_later(tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as server, faulty_proxy(server.host) as proxy:
        made = project(tmp_path, proxy.host)
        proxy.add(path="/v2/two/", status=403, times=1000)
        result = made.build("all", push=True)
        assert result.report.exit_code == 3
        assert not exists(server.host, "one")
        assert not any(target.published for target in result.report.targets.values())
        for fault in proxy.faults:
            fault.times = 0
        events: list[Event] = []
        again = anyio.run(push, made.options("all"), events.append)
        assert again.errors == ()
        assert exists(server.host, "one") and exists(server.host, "two")
        sent_before = outcomes(made.events).count("pushed")
        assert sent_before + outcomes(events).count("pushed") == 4  # two layers, two configs: none twice
        assert {target.status for target in again.report.targets.values()} == {"unchanged"}


def test_eager_publishing_keeps_what_is_done(tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as server, faulty_proxy(server.host) as proxy:
        made = project(tmp_path, proxy.host)
        proxy.add(path="/v2/two/", status=403, times=1000)
        result = made.build("all", push=True, publish="eager", keep_going=True)
        assert result.report.exit_code == 3
        assert exists(server.host, "one") and not exists(server.host, "two")
        assert {name: t.published for name, t in result.report.targets.items()} == {"one": True, "two": False}
