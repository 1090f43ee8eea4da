"""A step with its inputs at hand: what an engine is given to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bake.plan.step import Step, WrittenFile
from bake.plan.tree import StateId, Tree


@dataclass(frozen=True, slots=True)
class StateInput:
    """A file-system state of the store."""

    state: StateId


@dataclass(frozen=True, slots=True)
class TreeInput:
    """A directory of this host with its filtered tree; regular files carry digest and stamp where a step reads them."""

    root: str
    tree: Tree


@dataclass(frozen=True, slots=True)
class FilesInput:
    """Files given inline."""

    files: tuple[WrittenFile, ...]


@dataclass(frozen=True, slots=True)
class BlobInput:
    """One file from a URL: bytes at `path`, to be named `name`; `mtime` in unix seconds."""

    path: Path
    name: str
    mtime: float


Input = StateInput | TreeInput | FilesInput | BlobInput


@dataclass(frozen=True, slots=True)
class Task:
    """A step with everything it needs to run. `secrets`: id → value; `timeout` in seconds, 0 = none."""

    step: Step
    inputs: tuple[Input, ...]
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    ssh: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 0.0
