"""Spans to OpenTelemetry's own SDK and exporters, which read the rest of its variables. Imported only to send.

The SDK makes ids, resource, sampling and limits; what it logs is caught, as it may not write over our output.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bake import __version__
from bake.render.trace.asked import Way
from bake.render.trace.span import Attributes, Span, Value

_BATCH = 512
"""Spans a request, as the SDK's own batches have: some collectors take no large bodies."""


def export(way: Way, spans: Sequence[Span], environment: Mapping[str, str], patience: float) -> str:
    """Why the spans could not be sent within `patience` seconds, "" when they were. Raises ImportError."""
    with _caught_logs() as logs:
        exporter = _exporter(way, patience)
        made = _made(spans, environment)
        failed: list[Exception | None] = []

        def send() -> None:
            try:
                for start in range(0, len(made), _BATCH):
                    if exporter.export(made[start : start + _BATCH]).name != "SUCCESS":
                        failed.append(None)
                        return
            except Exception as error:  # older exporters raise what newer ones log
                failed.append(error)

        # A thread, as no timeout of a library covers everything, a name server that is silent for one.
        sending = threading.Thread(target=send, name="trace", daemon=True)
        until = time.monotonic() + patience
        sending.start()
        sending.join(patience)
        # An exporter that gave up itself by then says less.
        if sending.is_alive() or (failed and time.monotonic() >= until):
            return f"{_address(exporter)}no answer within {patience:g} s"
        return f"{_address(exporter)}{_reason(failed[0], logs)}" if failed else ""


def _exporter(way: Way, patience: float) -> Any:
    if way == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter(out=sys.stderr)  # stdout is for results
    if way == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc

        return Grpc(timeout=patience)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(timeout=patience)


def _made(spans: Sequence[Span], environment: Mapping[str, str]) -> Sequence[Any]:
    """The spans as the SDK has them; none when the sampling of its variables, or of the parent, is against it."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("bake", __version__)
    carrier = {name: environment.get(name.upper(), "") for name in ("traceparent", "tracestate")}
    outside = TraceContextTextMapPropagator().extract({k: v for k, v in carrier.items() if v})
    made: dict[str, Any] = {}
    for span in spans:
        context = outside if span.parent is None else trace.set_span_in_context(made[span.parent])
        attributes = _clean(span.attributes)
        made[span.key] = tracer.start_span(_text(span.name), context, attributes=attributes, start_time=span.start)
    for span in spans:
        _end(made[span.key], span, made)
    finished: Sequence[Any] = memory.get_finished_spans()
    return finished


def _end(made: Any, span: Span, others: Mapping[str, Any]) -> None:
    for key, kind in span.links:
        link = Link(others[key].get_span_context(), {"bake.link": kind})
        made.add_link(link.context, link.attributes)
    for moment in span.moments:
        made.add_event(_text(moment.name), _clean(moment.attributes), timestamp=moment.at)
    if span.error is not None:
        made.set_status(Status(StatusCode.ERROR, _text(span.error)))
    made.end(end_time=span.end)


def _resource() -> Any:
    """As the variables say; else the service is called `bake`."""
    found = Resource.create({})
    if str(found.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        found = found.merge(Resource({SERVICE_NAME: "bake", SERVICE_VERSION: __version__}))
    return found


def _clean(attributes: Attributes) -> dict[str, Any]:
    return {key: _value(value) for key, value in attributes.items()}


def _value(value: Value) -> Any:
    if isinstance(value, tuple):
        return tuple(_text(each) for each in value)
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    """Without lone surrogates, of a file name that is no UTF-8, which protobuf refuses."""
    return text.encode("utf-8", "replace").decode()


class _Catch(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.caught: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.caught.append(record)


@contextmanager
def _caught_logs() -> Iterator[list[logging.LogRecord]]:
    handler = _Catch()
    logger = logging.getLogger("opentelemetry")
    passing, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield handler.caught
    finally:
        # The handler stays while a thread that was given up may still log.
        logger.propagate = passing and not any(t.name == "trace" for t in threading.enumerate())
        if logger.propagate:
            logger.removeHandler(handler)


def _address(exporter: Any) -> str:
    """Where it was sent to, without user, password and query."""
    endpoint = str(getattr(exporter, "_endpoint", ""))
    parts = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}")
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}: " if parts.netloc else ""


def _reason(raised: Exception | None, logs: Sequence[logging.LogRecord]) -> str:
    """The root of what was raised, or else of the first error that the exporter has logged."""
    given = [raised, *(each for log in logs for each in (log.args if isinstance(log.args, tuple) else ()))]
    for error in given:
        if isinstance(error, BaseException):
            while (cause := _cause(error)) is not None:
                error = cause
            return getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return logs[-1].getMessage().partition("\n")[0] if logs else "refused"


def _cause(error: BaseException) -> BaseException | None:
    inside = (getattr(error, "reason", None), error.__cause__, error.__context__, *error.args)
    return next((each for each in inside if isinstance(each, BaseException)), None)
