"""LLB: operations as bytes, named by the digest that a builder will report them under. Pure.

The digest is of the bytes as Go marshals them: fields by number, but the operation itself last (reference §4).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bake.engine.buildkit.wire.messages import MESSAGES
from bake.oci.platform import parse_platform


@dataclass(frozen=True, slots=True)
class Output:
    """What an operation makes: its digest, and which of its results."""

    digest: str
    index: int = 0


State = Output | None
"""A file-system state; None is the empty one."""


@dataclass(frozen=True, slots=True)
class Vertex:
    """An operation of a graph: its bytes, what it builds on, how it is shown and treated."""

    data: bytes
    inputs: tuple[str, ...]
    name: str = ""
    caps: tuple[str, ...] = ()
    ignore_cache: bool = False


@dataclass
class Graph:
    """Operations by digest. Equal ones are one."""

    vertexes: dict[str, Vertex] = field(default_factory=dict)

    def add(
        self, inputs: Iterable[Output], platform: str, *, name: str = "", caps: Iterable[str] = (),
        ignore_cache: bool = False, **operation: Any,
    ) -> str:  # fmt: skip
        """Adds `operation` (one of exec, source, file, merge) and returns its digest."""
        given = tuple(inputs)
        data = marshal(given, platform, **operation)
        digest = digest_of(data)
        old = self.vertexes.get(digest)
        ignore = ignore_cache or (old is not None and old.ignore_cache)
        self.vertexes[digest] = Vertex(data, tuple(i.digest for i in given), name, tuple(caps), ignore)
        return digest

    def definition(self, result: Output) -> Any:
        """The message for all that `result` needs; its last entry names the result."""
        made = MESSAGES.Definition()
        for digest in self.reachable(result.digest):
            vertex = self.vertexes[digest]
            made.defs.append(vertex.data)
            made.metadata[digest].CopyFrom(_metadata(vertex))
        end = MESSAGES.Op(inputs=[MESSAGES.Input(digest=result.digest, index=result.index)])
        data = end.SerializeToString(deterministic=True)
        made.defs.append(data)
        made.metadata[digest_of(data)].CopyFrom(MESSAGES.OpMetadata(caps={"constraints": True, "platform": True}))
        return made

    def reachable(self, digest: str) -> list[str]:
        """Everything that an operation needs, what it builds on first, itself last."""
        found: dict[str, None] = {}
        todo = [(digest, False)]
        while todo:
            at, done = todo.pop()
            if done:
                found[at] = None
            elif at not in found:
                todo.append((at, True))
                todo.extend((i, False) for i in reversed(self.vertexes[at].inputs))
        return list(found)


def marshal(inputs: Iterable[Output], platform: str, **operation: Any) -> bytes:
    """The bytes of an operation. The platform is always there, or builders would fill one in and rename it."""
    known = parse_platform(platform)
    head = MESSAGES.Op(
        inputs=[MESSAGES.Input(digest=i.digest, index=i.index) for i in inputs],
        platform=MESSAGES.Platform(arch=known.arch, os=known.os, variant=known.variant),
        constraints=MESSAGES.Constraints(),
    )
    body = MESSAGES.Op(**operation)
    data: bytes = head.SerializeToString(deterministic=True) + body.SerializeToString(deterministic=True)
    return data


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _metadata(vertex: Vertex) -> Any:
    description: Mapping[str, str] = {"llb.customname": vertex.name} if vertex.name else {}
    return MESSAGES.OpMetadata(
        ignore_cache=vertex.ignore_cache, description=description, caps=dict.fromkeys(vertex.caps, True)
    )
