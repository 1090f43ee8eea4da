"""LLB: operations as bytes, named by the digest that a builder will report them under. Pure.

The digest is of the bytes as Go marshals them: fields by number, but the operation itself last (reference §4).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from bake.engine.buildkit.wire.messages import MESSAGES
from bake.oci.platform import parse_platform


class Output(msgspec.Struct, frozen=True):
    """What an operation makes: its digest, and which of its results."""

    digest: str
    index: int = 0


State = Output | None
"""A file-system state; None is the empty one."""


class Vertex(msgspec.Struct, frozen=True):
    """An operation of a graph: its bytes, what it builds on, how it is shown and treated."""

    data: bytes
    inputs: tuple[str, ...]
    name: str = ""
    caps: tuple[str, ...] = ()
    ignore_cache: bool = False
    metadata: Any = None
    """As a front end has written it; `name` and the rest do not count then."""


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

    def embed(self, definition: Any, *, ignore_cache: bool = False) -> tuple[Output | None, list[str]]:
        """Adds what a front end made: its result, None when that is empty, and the digests that were not there.

        Sources (files, base images) are not among them.
        """
        *operations, end = list(definition.defs) or [b""]
        new: list[str] = []
        renamed: dict[str, str] = {}
        for given, data in _sorted(operations, renamed):
            op, digest = MESSAGES.Op.FromString(data), renamed[given]
            if digest in self.vertexes:
                continue
            metadata = MESSAGES.OpMetadata()
            metadata.CopyFrom(definition.metadata[given])
            is_source = op.HasField("source")
            metadata.ignore_cache |= ignore_cache and not is_source
            self.vertexes[digest] = Vertex(data, tuple(i.digest for i in op.inputs), metadata=metadata)
            new += [] if is_source else [digest]
        inputs = MESSAGES.Op.FromString(end).inputs
        return (Output(renamed.get(inputs[0].digest, inputs[0].digest), inputs[0].index) if inputs else None), new

    def definition(self, result: Output) -> bytes:
        """A Definition for all that `result` needs, as bytes; its last entry names the result.

        Messages one after the other are one message with all their entries.
        """
        end = MESSAGES.Op(inputs=[MESSAGES.Input(digest=result.digest, index=result.index)])
        last = Vertex(end.SerializeToString(deterministic=True), (), caps=("constraints", "platform"))
        made = [_defined(digest, self.vertexes[digest]) for digest in self.reachable(result.digest)]
        return b"".join((*made, _defined(digest_of(last.data), last)))

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
    head = MESSAGES.Op()
    for each in inputs:
        head.inputs.add(digest=each.digest, index=each.index)
    ((kind, message),) = operation.items()
    body: bytes = message.SerializeToString(deterministic=True)
    data: bytes = head.SerializeToString(deterministic=True) + _where(platform)
    return data + _NUMBERS[kind] + _length(len(body)) + body


_NUMBERS = {field.name: bytes((field.number << 3 | 2,)) for field in MESSAGES.Op.DESCRIPTOR.fields}
"""What stands before a field of an operation; all are messages, with numbers below 16."""


def _length(size: int) -> bytes:
    """A varint."""
    found = bytearray()
    while size > 0x7F:
        found.append(size & 0x7F | 0x80)
        size >>= 7
    found.append(size)
    return bytes(found)


@cache
def _where(platform: str) -> bytes:
    """The fields of an operation between its inputs and what it does, the same for nearly all of a run."""
    known = parse_platform(platform)
    wanted = MESSAGES.Platform(arch=known.arch, os=known.os, variant=known.variant)
    found: bytes = MESSAGES.Op(platform=wanted, constraints=MESSAGES.Constraints()).SerializeToString(
        deterministic=True
    )
    return found


def _sorted(operations: Iterable[bytes], renamed: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """(digest as given, bytes as Go marshals them) of operations, each after those that it needs.

    Fills `renamed`: digest as given → of these bytes. Those of a front end that is written in Go are the same.
    """
    left = {digest_of(data): data for data in operations}
    todo = list(reversed(left))
    while todo:
        given = todo[-1]
        if given in renamed or given not in left:
            todo.pop()
            continue
        op = MESSAGES.Op.FromString(left[given])
        missing = [i.digest for i in op.inputs if i.digest in left and i.digest not in renamed]
        if missing:
            todo += missing
            continue
        data = _as_go_does(left[given], op, renamed)
        renamed[given] = digest_of(data)
        yield given, data


_HEAD = (1, 10, 11)
"""Fields of an operation that stand before what it does: inputs, platform, constraints."""


def _as_go_does(data: bytes, op: Any, renamed: Mapping[str, str]) -> bytes:
    """The same operation with its fields in Go's order, whatever is in them, on inputs as they are called now."""
    fields: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        key, start = _varint(data, at)
        if key & 7 != 2:  # there is none but messages
            return data
        size, start = _varint(data, start)
        fields.append((key >> 3, data[at : start + size]))
        at = start + size
    inputs = [MESSAGES.Input(digest=renamed.get(i.digest, i.digest), index=i.index) for i in op.inputs]
    head: bytes = MESSAGES.Op(inputs=inputs).SerializeToString(deterministic=True)
    head += b"".join(row for number in _HEAD[1:] for found, row in fields if found == number)
    return head + b"".join(row for number, row in fields if number not in _HEAD)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(the number at an offset, the offset behind it)."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _defined(digest: str, vertex: Vertex) -> bytes:
    """A Definition of one operation."""
    made = MESSAGES.Definition(defs=[vertex.data])
    metadata = made.metadata[digest]
    if vertex.metadata is not None:
        metadata.CopyFrom(vertex.metadata)
    else:
        metadata.ignore_cache = vertex.ignore_cache
        if vertex.name:
            metadata.description["llb.customname"] = vertex.name
        for cap in vertex.caps:
            metadata.caps[cap] = True
    found: bytes = made.SerializeToString()
    return found
