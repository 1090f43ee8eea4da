"""What a command was asked for: the flags that several commands share, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Options:
    """`directory` is where `file` is searched from, upward; `environment` is the process's own unless a test says else.

    `fetch`: images end up in the store even where nothing asks for their layers (builders keep them otherwise).
    `sets` are `PATTERN.KEY=VALUE` in the order given; `jobs` None takes the setting; `engine` "" likewise.
    """

    names: tuple[str, ...] = ()
    directory: str = "."
    file: str | None = None
    sets: tuple[str, ...] = ()
    vars: Mapping[str, str] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    jobs: int | None = None
    keep_going: bool = False
    engine: str = ""
    builders: tuple[str, ...] = ()
    push: bool = False
    load: bool = False
    fetch: bool = False
    no_cache: bool = False
    pull: bool = False
    publish: Literal["all", "eager"] = "all"
    locked: bool = False
    outputs: tuple[str, ...] = ()
    """`-o`: entries of `output` in comma form, instead of those of the requested targets."""
    provenance: str | None = None
    sbom: str | None = None
    """`--provenance`, `--sbom`: `true`, `false`, or options of an `attest` entry."""
    json: bool = False
    """stdout is for the report."""
    environment: Mapping[str, str] = field(default_factory=dict)
