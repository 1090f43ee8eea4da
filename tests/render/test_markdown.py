"""The Markdown report: what a CI job's summary shows, and that no text is taken for a mark."""

from __future__ import annotations

from inline_snapshot import snapshot
from sample_report import ATTACKS, sample

from bake.events import Metadata, Report, StepReport, TargetReport, Transfers
from bake.plan.reason import Why
from bake.render.markdown import report_markdown

GITHUB = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_SHA": "c" * 40}
GITLAB = {"CI_PROJECT_URL": "https://gitlab.com/acme/shop", "CI_COMMIT_SHA": "d" * 40}


def step(**changes: object) -> StepReport:
    values: dict[str, object] = {
        "id": "a", "targets": ("app",), "platform": "linux/amd64", "stage": "build", "ordinal": 3,
        "instruction": "RUN a | b", "at": "app/Dockerfile:5", "status": "run", "why": Why("file", "a|b.py changed"),
        "duration_s": 0.2, "exit_code": 0,
    }  # fmt: skip
    return StepReport(**{**values, **changes})  # type: ignore[arg-type]


def report(**changes: object) -> Report:
    target = TargetReport(
        status="built", digest="sha256:" + "ab" * 32, tags=("acme/app:1", "localhost:5000/app:1"), published=True,
        metadata=Metadata(size=12_300_000), duration_s=3.0,
    )  # fmt: skip
    values: dict[str, object] = {
        "outcome": "ok", "exit_code": 0, "engine": "embedded", "duration_s": 4.2, "targets": {"app": target},
        "steps": (step(), step(id="b", status="cached", why=None)), "transfers": Transfers(pushed_bytes=5_000),
    }  # fmt: skip
    return Report(**{**values, **changes})  # type: ignore[arg-type]


def test_a_run_that_went_well() -> None:
    assert report_markdown(report(), {}, GITHUB) == snapshot("""\
## ✅ bake: ok in 4.2s

2 steps: 1 cached, 1 run, 5.0 kB pushed

| target | status | time | size | digest | tags |
| --- | --- | --- | --- | --- | --- |
| app | built, published | 3.0s | 12.3 MB | `abababababab` | [`acme/app:1`](https://hub.docker.com/r/acme/app/tags?name=1)<br>`localhost:5000/app:1` |

<details><summary>Why 1 step ran</summary>

| step | instruction | why | time | at |
| --- | --- | --- | --- | --- |
| app build 3 | `RUN a \\| b` | a\\|b.py changed | 0.2s | [app/Dockerfile:5](https://github.com/acme/shop/blob/cccccccccccccccccccccccccccccccccccccccc/app/Dockerfile#L5) |

</details>
""")  # noqa: E501


def test_a_failure_shows_its_last_lines() -> None:
    failed = report(outcome="failed", exit_code=1, steps=(step(status="failed", exit_code=2),))
    text = report_markdown(failed, {"a": ("one", "```", "two")}, GITLAB)
    assert text.startswith("## ❌ bake: failed in 4.2s")
    assert "### app build 3 failed (exit code 2)" in text
    assert "\n````text\none\n```\ntwo\n````\n" in text
    assert f"[app/Dockerfile:5](https://gitlab.com/acme/shop/-/blob/{'d' * 40}/app/Dockerfile#L5)" in text


def test_many_misses_are_cut() -> None:
    text = report_markdown(report(steps=tuple(step(id=f"{n}") for n in range(50))), {}, {})
    assert "Why 50 steps ran" in text and "and 10 more steps" in text


def test_hostile_text_stays_in_its_place() -> None:
    found, logs = sample(hostile=True)
    text = report_markdown(found, logs, {})
    assert "\n<script" not in text and "\x1b" not in text and "\u202e" not in text
    assert "\\<script\\>" in text  # in a message
    rows = [line for line in text.splitlines() if line.startswith("| service-")]
    plain = [row.replace("\\|", "") for row in rows]
    assert {row.count("|") for row in plain} == {6, 7}
    assert ATTACKS[0] in text  # in the code of an instruction
