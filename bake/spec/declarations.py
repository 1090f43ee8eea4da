"""What one file declares, as checked values: variables, groups, profiles and the file itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bake.errors import Diagnostic, Source
from bake.spec.document import Document, Place
from bake.spec.layer import Layer
from bake.spec.leaf import Leaf


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """A variable, or in a profile what changes of one: keys that are not written are absent."""

    name: str
    place: Place
    keys: Mapping[str, Leaf]

    def value(self, key: str) -> Any:
        """The constant value of a key; None when it is not written."""
        leaf = self.keys.get(key)
        return None if leaf is None else leaf.value

    def over(self, changed: Variable) -> Variable:
        """This one with the keys of `changed` laid over."""
        return Variable(self.name, self.place, {**self.keys, **changed.keys})


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A name for several targets; `members` are selections as on the command line."""

    name: str
    place: Place
    members: tuple[Leaf, ...]
    description: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Changes that `--profile` turns on."""

    name: str
    place: Place
    variables: Mapping[str, Variable] = field(default_factory=dict)
    defaults: Layer | None = None
    groups: Mapping[str, Group] = field(default_factory=dict)
    targets: Mapping[str, Layer] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SpecFile:
    """One file, parsed and checked by itself. `directory` is absolute: its paths are relative to it."""

    source: Source
    directory: str
    document: Document
    includes: tuple[Leaf, ...] = ()
    variables: Mapping[str, Variable] = field(default_factory=dict)
    defaults: Layer | None = None
    groups: Mapping[str, Group] = field(default_factory=dict)
    targets: Mapping[str, Layer] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    findings: tuple[Diagnostic, ...] = ()

    @property
    def is_parsed(self) -> bool:
        """False for a text that is no TOML, or none that is read: nothing of it is known."""
        return bool(self.document.data) or not self.findings
