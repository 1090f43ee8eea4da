"""The output for CI, compared whole."""

# ruff: noqa: E501 (whole outputs)
from __future__ import annotations

import io
from collections.abc import Iterable, Mapping

from inline_snapshot import snapshot
from recorded_events import COPY, FAILURE, FILE, MAKE, PIP, SUCCESS, finished, log

from bake.events import DiagnosticFound, DiagnosticInfo, Event, StepStarted
from bake.render.plain import PlainRenderer


def shown(events: Iterable[Event], environment: Mapping[str, str] | None = None) -> str:
    stream = io.StringIO()
    renderer = PlainRenderer(stream, environment or {}, clock=lambda: 1700000000.0)
    for event in events:
        renderer.event(event)
    renderer.close()
    return stream.getvalue()


def test_success() -> None:
    assert shown(SUCCESS) == snapshot("""\
building 1 target, 3 steps with the embedded engine
[app build 4] USER app  CACHED
[app build 1] RUN pip install fastapi  (never built)
app | Collecting fastapi
app | 100%
app | ::error::obey me ##[group]x
[app +2 build 2] COPY . /src  DONE 0.4s  (main.py changed)
app +2 | waiting for another bake
app +2 | copying 日本
[app build 1] RUN pip install fastapi  (continued)
app | done
[app build 1] RUN pip install fastapi  DONE 12.3s  (never built)
[app] published localhost:5000/app:1  sha256:abababababababababababababababababababababababababababababababab
[app] already published localhost:5000/app:latest  sha256:abababababababababababababababababababababababababababababababab

TARGET  STATUS             TIME  STEPS            TAGS                                             DIGEST
app     built, published  12.7s  1 cached, 2 run  localhost:5000/app:1, localhost:5000/app:latest  sha256:abababababababababababababababababababababababababababababababab
to localhost:5000/app: 1 blob pushed, 1 blob already there (5.0 kB)
pulled 5.0 MB
done in 13.0s: 3 steps, 1 cached, 2 run
""")


def test_failure() -> None:
    assert shown(FAILURE) == snapshot("""\
building 2 targets, 4 steps with the embedded engine
warning[offline]: r is out of reach
 --> bake.toml:3:1
  = hint: the digest known last is used
[web build 3] RUN make -j4 all  (arg: V: '1' → '2')
web | line 1
web | line 2
web | line 3
web | line 4
web | line 5
web | line 6
web | line 7
web | line 8
web | line 9
web | line 10
web | line 11
web | line 12
web | line 13
web | line 14
web | line 15
web | line 16
web | line 17
web | line 18
web | line 19
web | line 20
web | line 21
web | line 22
web | line 23
web | line 24
web | line 25
web | line 26
web | line 27
web | line 28
web | line 29
web | line 30
[web build 3] RUN make -j4 all  FAILED 1m15s (exit code 2)  (arg: V: '1' → '2')
[app +2 build 2] COPY . /src  (main.py changed)
app +2 | half of it
[web build 5] RUN never  SKIPPED
[app +2 build 2] COPY . /src  CANCELLED 0.2s  (main.py changed)

FAILED 1m15s [web build 3] RUN make -j4 all
  Dockerfile:4, exit code 2
  | line 11
  | line 12
  | line 13
  | line 14
  | line 15
  | line 16
  | line 17
  | line 18
  | line 19
  | line 20
  | line 21
  | line 22
  | line 23
  | line 24
  | line 25
  | line 26
  | line 27
  | line 28
  | line 29
  | line 30

TARGET  STATUS      TIME  STEPS                             TAGS
app     cancelled   0.2s  2 cancelled                       app:1
web     failed     1m15s  1 failed, 1 skipped, 1 cancelled
failed after 1m28s: 4 steps, 1 failed, 1 skipped, 2 cancelled
""")


def test_github_groups_and_commands_in_logs() -> None:
    text = shown(SUCCESS, {"GITHUB_ACTIONS": "true"})
    lines = text.splitlines()
    groups = [line for line in lines if line.startswith("::")]
    assert groups == snapshot(
        [
            "::group::[app build 1] RUN pip install fastapi  (never built)",
            "::endgroup::",
            "::group::[app +2 build 2] COPY . /src  DONE 0.4s  (main.py changed)",
            "::endgroup::",
            "::group::[app build 1] RUN pip install fastapi  (continued)",
            "::endgroup::",
        ]
    )
    assert "##[" not in text


def test_github_obeys_nothing_in_a_warning() -> None:
    hostile = DiagnosticInfo(code="x", severity="warning", message="first\n::add-mask::a\n\t ::stop-commands::b")
    text = shown([DiagnosticFound(diagnostic=hostile)], {"GITHUB_ACTIONS": "true"})
    assert [line for line in text.splitlines() if line.strip().startswith("::")] == []


def test_github_shows_a_failed_step_unfolded() -> None:
    text = shown(FAILURE, {"GITHUB_ACTIONS": "true"})
    depth = 0
    for line in text.splitlines():
        depth += line.startswith("::group::") - line.startswith("::endgroup::")
        assert 0 <= depth <= 1
        if line == "  | line 30":
            assert depth == 0
    assert depth == 0


def test_gitlab_sections() -> None:
    text = shown(SUCCESS, {"GITLAB_CI": "true"})
    assert [line for line in text.split("\n") if "section_" in line] == snapshot(
        [
            "\x1b[0Ksection_start:1700000000:step_pip\r\x1b[0K[app build 1] RUN pip install fastapi  (never built)",
            "\x1b[0Ksection_end:1700000000:step_pip\r\x1b[0K",
            "\x1b[0Ksection_start:1700000000:step_copy\r\x1b[0K[app +2 build 2] COPY . /src  DONE 0.4s  (main.py changed)",
            "\x1b[0Ksection_end:1700000000:step_copy\r\x1b[0K",
            "\x1b[0Ksection_start:1700000000:step_pip\r\x1b[0K[app build 1] RUN pip install fastapi  (continued)",
            "\x1b[0Ksection_end:1700000000:step_pip\r\x1b[0K",
        ]
    )


def test_lines_of_steps_that_run_together_stay_together() -> None:
    events: list[Event] = [StepStarted(step=PIP), StepStarted(step=MAKE), StepStarted(step=COPY, why=FILE)]
    for number in range(3):
        events += [*log("pip", f"pip {number}"), *log("make", f"make {number}"), *log("copy", f"copy {number}")]
    events += [finished(COPY, "run", 1.0, FILE), finished(PIP, "run", 2.0), *log("make", "make 3")]
    assert shown(events) == snapshot("""\
[app build 1] RUN pip install fastapi
[app +2 build 2] COPY . /src  DONE 1.0s  (main.py changed)
app +2 | copy 0
app +2 | copy 1
app +2 | copy 2
[app build 1] RUN pip install fastapi  DONE 2.0s
app | pip 0
app | pip 1
app | pip 2
[web build 3] RUN make -j4 all
web | make 0
web | make 1
web | make 2
web | make 3
""")


def test_much_output_is_not_held_back_without_end() -> None:
    stream = io.StringIO()
    renderer = PlainRenderer(stream, {})
    renderer.event(StepStarted(step=PIP))
    renderer.event(StepStarted(step=MAKE))
    for number in range(2000):
        for event in log("pip", f"{number} " + "x" * 1000):
            renderer.event(event)
    written = stream.getvalue()
    assert written.count("(continued)") == 2 and "app | 1000 " in written
    renderer.event(finished(PIP, "run", 1.0))
    assert sum(line.startswith("app | ") for line in stream.getvalue().splitlines()) == 2000


def test_output_without_known_step_is_dropped() -> None:
    assert shown(log("unknown", "x")) == ""
