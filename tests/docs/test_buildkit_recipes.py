"""What docs/buildkit.md tells to deploy and to write fits together, and fits what our client takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from click.testing import CliRunner
from ruamel.yaml import YAML

from bake.cli.build import build
from bake.cli.commands import COMMANDS
from bake.engine.buildkit.address import OPTIONS, parse_address
from bake.errors import Source
from bake.settings import read_settings

TEXT = (Path(__file__).parents[2] / "docs/buildkit.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL)


def documents() -> list[Any]:
    return [document for text in blocks("yaml") for document in YAML(typ="safe").load_all(text)]


def of_kind(kind: str) -> Any:
    (found,) = (d for d in documents() if d.get("kind") == kind)
    return found


def flags(args: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in args:
        if word.startswith("--"):
            last = found.setdefault(word, [])
        else:
            last.append(word)
    return found


def test_the_deployment_hangs_together() -> None:
    service, pods = of_kind("Service"), of_kind("StatefulSet")
    spec = pods["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert pods["spec"]["serviceName"] == service["metadata"]["name"]
    assert service["spec"]["selector"] == pods["spec"]["selector"]["matchLabels"]
    assert service["spec"]["selector"] == pods["spec"]["template"]["metadata"]["labels"]
    mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
    volumes = {v["name"] for v in spec["volumes"]} | {
        v["metadata"]["name"] for v in pods["spec"]["volumeClaimTemplates"]
    }
    assert mounts.keys() == volumes
    given = flags(container["args"])
    for flag, file in (("--tlscacert", "ca.pem"), ("--tlscert", "cert.pem"), ("--tlskey", "key.pem")):
        assert given[flag] == [f"{mounts['certs']}/{file}"]
        assert f"--from-file={file}" in TEXT
    ports = {p["port"] for p in service["spec"]["ports"]} | {p["containerPort"] for p in container["ports"]}
    assert ports == {urlsplit(addr).port for addr in given["--addr"] if addr.startswith("tcp")} == {1234}
    secret = next(v["secret"]["secretName"] for v in spec["volumes"] if "secret" in v)
    assert f"kubectl create secret generic {secret} " in TEXT


def test_the_settings_reach_the_pods() -> None:
    (text,) = blocks("toml")
    settings, _ = read_settings(Source("config.toml", text), {"HOME": "/"}, 2)
    pods, service = of_kind("StatefulSet"), of_kind("Service")["metadata"]["name"]
    wanted = [f"{pods['metadata']['name']}-{n}.{service}" for n in range(pods["spec"]["replicas"])]
    addresses = [parse_address(row.addr, {}) for row in settings.builders]
    assert settings.engine == "buildkit"
    assert [address.host for address in addresses] == wanted
    names = {address.tls.servername for address in addresses if address.tls}
    assert names == {"buildkitd"} and "subjectAltName=DNS:buildkitd" in TEXT
    assert {address.port for address in addresses} == {1234}
    assert all(address.tls and address.tls.cert and address.tls.key and address.tls.ca for address in addresses)


def test_every_command_of_the_recipes_is_one() -> None:
    lines = re.findall(r"(?:- run: |^ +- |`)(bake [^`\n]+)", TEXT, re.MULTILINE)
    words = [shlex.split(line)[1:] for line in lines]
    assert len(words) > 4
    known = {name for param in build.params for name in param.opts}
    for command in words:
        assert command[0] in COMMANDS or command[0] in ("all", "app", "TARGET", "run")
        assert [word for word in command if word.startswith("-") and word not in known] == []
        for at, word in enumerate(command):
            if word == "--builder":
                for addr in command[at + 1].replace("A,B,C", "docker://").replace("ADDR", "docker://").split(","):
                    parse_address(addr, {})
    assert CliRunner().invoke(build, ["--help"]).exit_code == 0


def test_the_ci_jobs_name_what_they_use() -> None:
    github = next(d for d in documents() if "jobs" in d)["jobs"]["images"]
    steps = " ".join(step.get("run", "") for step in github["steps"])
    (addr,) = re.findall(r"'(tcp://\S+)'", steps)
    assert {"ca.pem", "cert.pem", "key.pem"} <= set(re.findall(r"certs/(\S+)", steps))
    assert parse_qs(urlsplit(addr).query).keys() <= OPTIONS.keys()
    gitlab = next(d for d in documents() if "images" in d)["images"]["variables"]
    assert parse_address("docker://", gitlab).text == "docker://docker:2376?certs=/certs/client"


def test_every_option_of_an_address_is_told() -> None:
    assert [name for name in OPTIONS if f"`{name}`" not in TEXT] == []
