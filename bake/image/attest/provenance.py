"""Provenance: the SLSA predicate of an invocation, in versions 1 and 0.2 (slsa.dev/spec/v1.0/provenance, v0.2)."""

from __future__ import annotations

from typing import Any

import msgspec

from bake.image.attest.statement import Statement
from bake.image.attest.values import Dependency, Invocation, ProvenanceOptions

BUILD_TYPE = "urn:bake:build:v1"
BUILDER = "urn:bake:engine:{}"
_TYPES = {"v1": "https://slsa.dev/provenance/v1", "v0.2": "https://slsa.dev/provenance/v0.2"}
FILE = "provenance.json"


def provenance(made: Invocation, options: ProvenanceOptions, finished: str | None = None) -> Statement:
    """The statement; `finished` is the image's own time (RFC 3339), which does not change while the image does not."""
    shape = _v1 if options.version == "v1" else _v02
    return Statement(_TYPES[options.version], shape(made, options, finished), FILE)


def _v1(made: Invocation, options: ProvenanceOptions, finished: str | None) -> dict[str, object]:
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"configSource": _config_source(made), "request": _request(made, options)},
            "internalParameters": _internal(made, options),
            "resolvedDependencies": [_plain(each) for each in made.dependencies],
        },
        "runDetails": {
            "builder": {"id": _builder(made, options)},
            "metadata": {
                **({"finishedOn": finished} if finished else {}),
                "bake_completeness": {"request": _is_complete(made, options), "resolvedDependencies": True},
                "bake_reproducible": options.reproducible,
            },
        },
    }


def _v02(made: Invocation, options: ProvenanceOptions, finished: str | None) -> dict[str, object]:
    source = _config_source(made)
    return {
        "builder": {"id": _builder(made, options)},
        "buildType": BUILD_TYPE,
        "invocation": {
            "configSource": {"digest": source["digest"], "entryPoint": source["path"]},
            "parameters": _request(made, options),
            "environment": {"platform": made.platform},
        },
        **({"buildConfig": _internal(made, options)["buildConfig"]} if options.mode == "max" else {}),
        "materials": [{"uri": each.uri or each.name, "digest": each.digest} for each in made.dependencies],
        "metadata": {
            **({"buildFinishedOn": finished} if finished else {}),
            "completeness": {"parameters": _is_complete(made, options), "environment": True, "materials": True},
            "reproducible": options.reproducible,
        },
    }


def _builder(made: Invocation, options: ProvenanceOptions) -> str:
    return options.builder or BUILDER.format(made.engine)


def _config_source(made: Invocation) -> dict[str, object]:
    return {"path": made.dockerfile or "bake.toml", "digest": {"sha256": made.dockerfile_sha256}}


def _request(made: Invocation, options: ProvenanceOptions) -> dict[str, object]:
    request: dict[str, object] = {"target": made.target, "platform": made.platform, "contexts": made.contexts}
    if made.stage:
        request["stage"] = made.stage
    if options.mode == "max":
        request |= {
            "args": made.args,
            "labels": made.labels,
            "secrets": [{"id": id} for id in made.secrets],
            "ssh": [{"id": id} for id in made.ssh],
        }
    return request


def _internal(made: Invocation, options: ProvenanceOptions) -> dict[str, Any]:
    if options.mode == "min":
        return {}
    source = {"vcs": {"revision": made.source}} if made.source else {}
    return {"buildConfig": {"steps": msgspec.to_builtins(made.steps)}, **source}


def _is_complete(made: Invocation, options: ProvenanceOptions) -> bool:
    return options.mode == "max" or not (made.args or made.labels or made.secrets or made.ssh)


def _plain(each: Dependency) -> object:
    return msgspec.to_builtins(each)
