"""A builder's status stream, folded vertex by vertex into updates. Pure.

A vertex is sent several times, and a source even starts and completes twice; `cached` counts only once it has completed
(reference/buildkit-grpc.md §4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Started:
    """A vertex has begun."""


@dataclass(frozen=True, slots=True)
class Said:
    """One line: `stream` is stdout, stderr or progress."""

    stream: str
    line: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A vertex has succeeded; `seconds` by the builder's clock."""

    cached: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A vertex has failed; what it means is told by the solve's own end."""

    error: str


Update = Started | Said | Ended | Seen
_WRITING = "exporting cache"
_CACHES = (_WRITING, "importing cache")
"""How builders name what they do with caches elsewhere."""
_STREAMS = {1: "stdout", 2: "stderr"}


@dataclass
class _Vertex:
    name: str = ""
    started: bool = False
    ended: bool = False
    error: str = ""
    lines: dict[str, bytes] = field(default_factory=dict)
    progress: str = ""
    last: Any = None
    """Of a vertex without inputs, what was told of its end so far."""


@dataclass
class StatusFold:
    """All that one solve has told so far."""

    vertexes: dict[str, _Vertex] = field(default_factory=dict)

    def take(self, message: Any) -> Iterator[tuple[str, Update]]:
        """(digest, update) in the order in which they make sense: starts, lines, ends."""
        for row in message.vertexes:
            vertex = self._vertex(row.digest)
            vertex.name = row.name or vertex.name
            if row.HasField("started") and not vertex.started and not row.cached:
                vertex.started = True
                yield row.digest, Started()
        for status in message.statuses:
            yield from self._progress(status)
        for log in message.logs:
            yield from self._log(log)
        for row in message.vertexes:
            yield from self._end(row)

    def started_any(self) -> bool:
        """Whether a vertex has begun: work may have been done."""
        return any(vertex.started for vertex in self.vertexes.values())

    def failed(self) -> list[tuple[str, str]]:
        """(digest, error) of vertexes that failed, the cause before its consequences.

        Those that read and write caches elsewhere are left out: they fail without harm.
        """
        rows = [(digest, v.error) for digest, v in self.vertexes.items() if v.error and not v.name.startswith(_CACHES)]
        return sorted(rows, key=lambda row: "context canceled" in row[1])

    def unwritten(self) -> str:
        """Why a cache could not be written elsewhere; "" if none failed."""
        return next((v.error for v in self.vertexes.values() if v.error and v.name.startswith(_WRITING)), "")

    def rest(self) -> Iterator[tuple[str, Update]]:
        """Last lines that were not ended, and the ends that only now are certain."""
        for digest, vertex in self.vertexes.items():
            if vertex.last is not None and not vertex.ended:
                yield from self._ended(vertex.last, vertex)
            for stream, left in vertex.lines.items():
                if left:
                    yield digest, Said(stream, _text(left))
            vertex.lines.clear()

    def _vertex(self, digest: str) -> _Vertex:
        return self.vertexes.setdefault(digest, _Vertex())

    def _progress(self, status: Any) -> Iterator[tuple[str, Update]]:
        vertex = self._vertex(status.vertex)
        part = f" {status.current * 100 // status.total}%" if status.total else ""
        text = f"{status.name or status.id}{part}"
        if text != vertex.progress and not vertex.ended:
            vertex.progress = text
            yield status.vertex, Said("progress", text)

    def _log(self, log: Any) -> Iterator[tuple[str, Update]]:
        vertex, stream = self._vertex(log.vertex), _STREAMS.get(log.stream, "stderr")
        *lines, left = (vertex.lines.get(stream, b"") + log.msg).split(b"\n")
        vertex.lines[stream] = left
        for line in lines:
            yield log.vertex, Said(stream, _text(line))

    def _end(self, row: Any) -> Iterator[tuple[str, Update]]:
        vertex = self._vertex(row.digest)
        if row.error:
            vertex.error = row.error
        if not row.HasField("completed") or vertex.ended:
            return
        if not row.inputs and not row.cached and not row.error:
            vertex.last = row  # it may have been looked up only: that it is cached is told after that
            return
        yield from self._ended(row, vertex)

    def _ended(self, row: Any, vertex: _Vertex) -> Iterator[tuple[str, Update]]:
        vertex.ended = True
        for stream, left in vertex.lines.items():
            if left:
                yield row.digest, Said(stream, _text(left))
        vertex.lines.clear()
        if row.error:
            yield row.digest, Seen(row.error)
        else:
            yield row.digest, Ended(row.cached, max(0.0, _seconds(row.completed) - _seconds(row.started)))


def _seconds(time: Any) -> float:
    return float(time.seconds + time.nanos / 1e9)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")
