"""A builder's status stream, folded vertex by vertex into updates. Pure.

A vertex is sent several times, and a source even starts and completes twice; `cached` counts only once it has completed
(reference/buildkit-grpc.md §4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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

    def take(self, message: Any) -> list[tuple[str, Update]]:
        """(digest, update) in the order in which they make sense: starts, lines, ends."""
        found: list[tuple[str, Update]] = []
        rows: list[tuple[Any, _Vertex]] = []
        for row in message.vertexes:
            digest = row.digest
            vertex = self._vertex(digest)
            if not vertex.name:
                vertex.name = row.name
            if row.HasField("started") or row.HasField("completed") or row.error:
                rows.append((row, vertex))
                if not vertex.started and not row.cached and row.HasField("started"):
                    vertex.started = True
                    found.append((digest, Started()))
        for status in message.statuses:
            found += self._progress(status)
        for log in message.logs:
            found += self._log(log)
        for row, vertex in rows:
            found += self._end(row, vertex)
        return found

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
        found = self.vertexes.get(digest)
        if found is None:
            found = self.vertexes[digest] = _Vertex()
        return found

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

    def _end(self, row: Any, vertex: _Vertex) -> Iterable[tuple[str, Update]]:
        if row.error:
            vertex.error = row.error
        if vertex.ended or not row.HasField("completed"):
            return ()
        if not row.cached and not row.inputs and not row.error:
            vertex.last = row  # it may have been looked up only: that it is cached is told after that
            return ()
        return self._ended(row, vertex)

    def _ended(self, row: Any, vertex: _Vertex) -> Iterable[tuple[str, Update]]:
        vertex.ended = True
        found: list[tuple[str, Update]] = [
            (row.digest, Said(stream, _text(left))) for stream, left in vertex.lines.items() if left
        ]
        vertex.lines.clear()
        seconds = 0.0 if row.cached else max(0.0, _seconds(row.completed) - _seconds(row.started))
        found.append((row.digest, Seen(row.error) if row.error else Ended(row.cached, seconds)))
        return found


def _seconds(time: Any) -> float:
    return float(time.seconds + time.nanos / 1e9)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")
