"""Machines that share nothing but a cache: each a checkout and a store of its own."""

from __future__ import annotations

from pathlib import Path

from projects import Project

from bake.app.building import BuildResult

DOCKERFILE = """
FROM scratch AS base
COPY busybox /bin/sh
FROM base AS build
COPY source /source
RUN tr a-z A-Z < /source > /made; mkdir -p /opt/tool; echo big > /opt/tool/data
FROM base
COPY config /config
COPY --from=build /made /made
RUN cat /config /made > /all
"""


def registry_cache(host: str, mode: str = "max", more: str = "") -> str:
    """`[defaults]` of a cache in a registry, read and written."""
    return f"""
[defaults]
cache-to = [{{ type = "registry", ref = "{host}/cache:main", mode = "{mode}"{more} }}]
cache-from = [{{ type = "registry", ref = "{host}/cache:main" }}]
"""


def machine(directory: Path, defaults: str, host: str = "", dockerfile: str = DOCKERFILE) -> Project:
    """A checkout of one target `app`, pushed to `host` if that is given."""
    made = Project(directory)
    tags = f'tags = ["{host}/app:1"]\n' if host else ""
    made.write("bake.toml", f"{defaults}\n[target.app]\n{tags}dockerfile-inline = '''{dockerfile}'''\n")
    made.add_busybox()
    made.write("source", "source")
    made.write("config", "config")
    return made


def told(result: BuildResult) -> list[str]:
    """The codes of all that was found."""
    return [diagnostic.code for diagnostic in result.report.diagnostics]


def ran(result: BuildResult) -> dict[str, str]:
    """Instruction → kind of reason, of the steps that ran."""
    return {s.instruction: s.why.kind if s.why else "" for s in result.report.steps if s.status == "run"}
