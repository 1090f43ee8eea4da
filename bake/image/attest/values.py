"""What statements are made of, as values. Kept light, as they are read with every result, stated or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec


class Dependency(msgspec.Struct, frozen=True, omit_defaults=True):
    """A thing that was built from: `digest` by algorithm. `name` where there is no URI: a local context."""

    digest: dict[str, str]
    uri: str = ""
    name: str = ""


class StepNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step as provenance shows it: its id, what it is for, and the ids of its inputs."""

    id: str
    op: str
    instruction: str = ""
    inputs: tuple[str, ...] = ()


class Invocation(msgspec.Struct, frozen=True):
    """`dockerfile` is its path from the spec, "" when it stands in the spec; `dockerfile_sha256` of its text.

    `secrets` and `ssh` are ids only. `source` is the commit of the spec's directory, "" outside of git.
    """

    target: str
    platform: str
    stage: str
    dockerfile: str
    dockerfile_sha256: str
    args: dict[str, str]
    labels: dict[str, str]
    contexts: dict[str, str]
    secrets: tuple[str, ...]
    ssh: tuple[str, ...]
    dependencies: tuple[Dependency, ...]
    steps: tuple[StepNote, ...]
    source: str = ""
    engine: str = "embedded"


@dataclass(frozen=True, slots=True)
class ProvenanceOptions:
    """`min` leaves out args, labels, secrets, ssh, steps and the commit; `reproducible` is the caller's claim.

    `builder` "" stands for the engine that built.
    """

    mode: Literal["min", "max"] = "max"
    version: Literal["v1", "v0.2"] = "v1"
    builder: str = ""
    reproducible: bool = False
