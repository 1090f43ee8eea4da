"""`push` and `immutable-tags` of bake.toml, from the build to the registry."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from faulty_proxy import faulty_proxy
from projects import Project
from registry_server import RegistryServer, registry

from bake.app.publishing import push
from bake.events import DiagnosticFound, Event
from bake.oci.reference import parse_reference
from bake.registry.client import Registry
from bake.registry.hosts import Hosts

SPEC = """
[defaults]
immutable-tags = ["v*"]

[target.app]
{rule}
tags = ["{host}/app:v1", "{host}/app:latest"]
dockerfile-inline = '''
FROM scratch
COPY a /a
'''
"""


def project(tmp_path: Path, host: str, rule: str = "") -> Project:
    made = Project(tmp_path)
    made.write("bake.toml", SPEC.format(host=host, rule=rule))
    made.write("a", "1")
    return made


def digest_of(host: str, tag: str) -> str:
    async def ask() -> str:
        async with Registry(Hosts(), ()) as client:
            return (await client.resolve(parse_reference(f"{host}/app:{tag}"))).digest

    return anyio.run(ask)


def codes(events: list[Event]) -> list[str]:
    return [event.diagnostic.code for event in events if isinstance(event, DiagnosticFound)]


def test_an_immutable_tag(server: RegistryServer, tmp_path: Path) -> None:
    with faulty_proxy(server.host) as proxy:
        made = project(tmp_path, proxy.host)
        first = made.build("app", push=True).report.targets["app"].digest
        made.write("a", "2")
        proxy.seen.clear()
        result = made.build("app", push=True)
        assert result.report.exit_code == 3
        assert not result.report.targets["app"].published
        found = [d for error in result.errors for d in error.diagnostics]
        assert [d.code for d in found] == ["immutable-tag", "not-published"]
        assert first in found[0].message and result.report.targets["app"].digest in found[0].message
        assert not [seen for seen in proxy.seen if seen.method in ("PUT", "PATCH", "POST")]
        assert {digest_of(server.host, tag) for tag in ("v1", "latest")} == {first}


@pytest.mark.parametrize(("rule", "moves"), [("if-missing", False), ("if-changed", True), ("auto", True)])
def test_rules_with_push(tmp_path: Path, rule: str, moves: bool) -> None:
    with registry(tmp_path / "registry") as own:
        made = project(tmp_path, own.host, f'push = "{rule}"\nimmutable-tags = []')
        assert not made.build("app").report.targets["app"].published
        first = made.build("app", push=True)
        assert first.report.targets["app"].published
        made.write("a", "2")
        second = made.build("app", push=True)
        assert second.errors == ()
        assert second.report.targets["app"].published is moves
        assert (digest_of(own.host, "latest") == second.report.targets["app"].digest) is moves
        assert codes(made.events) == ([] if moves else ["tag-kept", "tag-kept"])


def test_never(tmp_path: Path) -> None:
    made = project(tmp_path, "127.0.0.1:1", "push = false")
    assert not made.build("app", push=True).report.targets["app"].published
    events: list[Event] = []
    result = anyio.run(push, made.options("app"), events.append)
    assert result.errors == ()
    assert codes(events) == ["not-pushed"]
    assert result.report.targets["app"].status == "skipped"


def test_push_publishes_and_writes_no_files(server: RegistryServer, tmp_path: Path) -> None:
    output = '[{ type = "image", push = true }, { type = "oci", dest = "out.tar" }]'
    made = project(tmp_path, server.host, f"output = {output}\nimmutable-tags = []")
    assert made.build("app").errors == ()
    (made.root / "out.tar").unlink()
    assert anyio.run(push, made.options("app"), lambda _event: None).errors == ()
    assert not (made.root / "out.tar").exists()
