"""A run that is traced: takes its events, and sends the spans when it is over. Nothing here fails a run."""

from __future__ import annotations

from collections.abc import Mapping

from bake.errors import Diagnostic
from bake.events import Event, RunFinished
from bake.render.trace.asked import Asked, Way, asked
from bake.render.trace.fold import SpanFold
from bake.render.trace.span import Span

PATIENCE = 2.0
"""Seconds that a collector may take, all in all, for the trace of a run."""
_EXTRA = {"grpc": "opentelemetry-exporter-otlp-proto-grpc"}


class Tracing:
    """`environment` names the parent of the trace, as TRACEPARENT."""

    def __init__(self, wanted: Asked, name: str, environment: Mapping[str, str]) -> None:
        self._wanted = wanted
        self._environment = environment
        self._fold = SpanFold(name)

    def event(self, event: Event) -> None:
        self._fold.event(event)

    def send(self, end: RunFinished) -> tuple[Diagnostic, ...]:
        """Sends the trace within PATIENCE. Returns warnings; an interrupt only ends the sending."""
        found = list(self._wanted.problems)
        try:
            spans = self._fold.spans(end)
            for way in self._wanted.ways:
                problem = self._sent(way, spans)
                found += [problem] if problem is not None else []
        except KeyboardInterrupt:
            pass
        return tuple(found)

    def _sent(self, way: Way, spans: tuple[Span, ...]) -> Diagnostic | None:
        try:
            from bake.render.trace.export import export

            problem = export(way, spans, self._environment, PATIENCE)
        except ImportError:
            return self._missing(way)
        except Exception as error:  # of a library that we hand settings of others: no reason to fail
            problem = f"{type(error).__name__}: {error}"
        return _not_sent(problem) if problem else None

    def _missing(self, way: Way) -> Diagnostic:
        package = _EXTRA.get(way, "'bake[otel]'")
        instead = "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" if way == "grpc" else "OTEL_SDK_DISABLED=true"
        what = "OpenTelemetry over grpc is" if way == "grpc" else "OpenTelemetry is"
        message = f"{self._wanted.variable} asks for a trace of this run, but {what} not installed"
        hint = f"pip install {package}, or set {instead}"
        return Diagnostic("telemetry-missing", message, hint=hint, severity="warning")


def tracing_of(name: str, environment: Mapping[str, str]) -> Tracing | None:
    """None where no trace is asked for."""
    wanted = asked(environment)
    return Tracing(wanted, name, environment) if wanted is not None else None


def _not_sent(problem: str) -> Diagnostic:
    hint = "check OTEL_EXPORTER_OTLP_ENDPOINT and that the collector runs, or set OTEL_SDK_DISABLED=true"
    return Diagnostic("trace-not-sent", f"the trace of this run was not sent: {problem}", hint=hint, severity="warning")
