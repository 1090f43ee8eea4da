"""Events to spans: how they hang together, when they are, what is cut off; and which variables ask for what."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otel_collector import collecting
from recorded_events import FAILURE, SUCCESS, step

from bake.events import Event, RunFinished, RunStarted, StepFinished, StepReport, StepStarted
from bake.render.trace.asked import asked
from bake.render.trace.export import export
from bake.render.trace.fold import SpanFold
from bake.render.trace.span import Span

SECOND = 1_000_000_000
END = RunFinished(outcome="ok", exit_code=0, duration_s=1)


def folded(events: Sequence[Event], end: RunFinished = END) -> dict[str, Span]:
    """Key → span; the clock goes on by 100 s at each look, more than any step of ours takes."""
    ticks = itertools.count(1000 * SECOND, 100 * SECOND)
    fold = SpanFold("bake build", lambda: next(ticks))
    for event in events:
        fold.event(event)
    spans = fold.spans(end)
    assert len({span.key for span in spans}) == len(spans)
    return {span.key: span for span in spans}


@pytest.mark.parametrize("events", [SUCCESS, FAILURE, *(FAILURE[:n] for n in range(len(FAILURE)))])
def test_each_span_lies_within_its_parent(events: list[Event]) -> None:
    spans = folded(events)
    for index, span in enumerate(spans.values()):
        assert (span.parent is None) == (index == 0) and span.start <= span.end
        assert {key for key, _ in span.links} <= spans.keys()
        if span.parent is not None:
            parent = spans[span.parent]
            assert list(spans).index(span.parent) < index
            assert parent.start <= span.start and span.end <= parent.end


def test_steps_and_targets() -> None:
    spans = folded(SUCCESS)
    pip, user = spans["step:pip"], spans["step:user"]
    assert pip.parent == "target:app" and pip.end - pip.start == 12_340_000_000
    assert user.attributes["bake.step.cached"] is True and user.start == user.end
    tags = [(moment.name, moment.attributes["bake.unchanged"]) for moment in spans["target:app"].moments]
    assert tags == [("published", False), ("published", True)]


def test_what_failed_and_what_is_shared() -> None:
    spans = folded(FAILURE, RunFinished(outcome="failed", exit_code=1, duration_s=1))
    assert spans["run"].error and spans["target:web"].error == "failed" and spans["target:app"].error is None
    failed = [span for key, span in spans.items() if key.startswith("step:") and span.error]
    assert failed and all(span.attributes["bake.step.status"] == "failed" for span in failed)


def report(id: str, targets: tuple[str, ...], needs: tuple[str, ...] = (), text: str = "RUN x") -> StepReport:
    return StepReport(
        id=id, targets=targets, platform="linux/amd64", stage="s", ordinal=0, instruction=text, status="run",
        needs=needs, duration_s=1.0,
    )  # fmt: skip


def test_a_step_of_two_targets_links_to_the_second() -> None:
    started = RunStarted(run="r", engine="e", targets=("a", "b"), steps=2)
    one, two = report("1", ("a", "b")), report("2", ("b",), ("1", "gone"))
    spans = folded([started, StepFinished(step=one), StepFinished(step=two)])
    assert (spans["step:1"].parent, spans["step:1"].links) == ("target:a", (("target:b", "target"),))
    assert (spans["step:2"].parent, spans["step:2"].links) == ("target:b", (("step:1", "needs"),))
    assert spans["target:b"].start == spans["step:1"].start and spans["target:b"].end == spans["step:2"].end


def test_a_step_that_is_cut_off_lasts_to_the_end() -> None:
    events: list[Event] = [StepStarted(step=step("1", 0, "RUN x", ("a",)))]
    spans = folded(events, RunFinished(outcome="cancelled", exit_code=130, duration_s=1))
    assert spans["step:1"].attributes["bake.step.status"] == "cancelled"
    assert spans["step:1"].end == spans["run"].end and spans["run"].error == "interrupted"


def test_texts_that_are_no_utf_8_and_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [report(str(n), (f"t{n % 7}",), (str(n - 1),), "COPY \udcff \x00 ü") for n in range(1200)]
    spans = folded([StepFinished(step=each) for each in steps])
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        assert export("http/protobuf", tuple(spans.values()), {}, 30) == ""
    came = collector.spans()
    assert len(came) == len(spans) == 1208 and len(collector.bodies) == 3
    assert {span.attributes["bake.step.instruction"] for span in came if span.name == "step s.0"} == {"COPY ? \x00 ü"}


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}


@pytest.mark.parametrize(
    ("environment", "ways", "problems"),
    [
        ({}, None, 0),
        ({"OTEL_SERVICE_NAME": "x", "TRACEPARENT": "00-1-2-01"}, None, 0),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, None, 0),
        (ENDPOINT, ("http/protobuf",), 0),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, ("http/protobuf",), 0),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "TRUE"}, None, 0),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "1"}, ("http/protobuf",), 0),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, None, 0),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ("http/protobuf",), 0),
        ({"OTEL_TRACES_EXPORTER": "console, otlp,console"}, ("console", "http/protobuf"), 0),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, (), 1),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ("grpc",), 0),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, (), 1),
        (
            {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"},
            ("http/protobuf",),
            0,
        ),
    ],
)
def test_what_variables_ask_for(environment: dict[str, str], ways: tuple[str, ...] | None, problems: int) -> None:
    wanted = asked(environment)
    assert (wanted.ways if wanted else None) == ways
    assert len(wanted.problems if wanted else ()) == problems


NAMES = ("OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL", *ENDPOINT)


@given(st.dictionaries(st.sampled_from(NAMES), st.text()))
def test_any_value_is_taken_or_told(environment: dict[str, str]) -> None:
    wanted = asked(environment)
    assert wanted is None or wanted.variable in environment
    assert wanted is None or all(problem.severity == "warning" and problem.hint for problem in wanted.problems)
