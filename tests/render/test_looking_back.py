"""History, explanations, usage, findings and examinations as text: widths, and texts that would move the cursor."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from recorded_events import COPY, FILE, MAKE, PIP, finished

from bake.errors import Diagnostic
from bake.events import Report, TargetReport
from bake.render.cache import usage_json, usage_text, verified_text
from bake.render.examination import examination_json, examination_text
from bake.render.explain import explanation_json, explanation_text
from bake.render.history import events_of, history_json, history_text, run_json
from bake.render.report import ReportFold
from bake.render.width import cells
from bake.store.usage import Usage

EVIL = "\x1b[2Jevil\x07"
REPORT = Report(
    outcome="failed",
    exit_code=1,
    engine="embedded",
    duration_s=61.0,
    targets={EVIL: TargetReport(status="failed")},
    steps=(
        finished(PIP, "cached").step,
        finished(COPY, "run", 1.5, FILE).step,
        finished(MAKE, "failed", 2.0, code=2).step,
    ),
)


@dataclass(frozen=True)
class Kept:
    number: int = 7
    started: float = 1_700_000_000.0
    root: str = "/src/" + EVIL
    report: Report = REPORT


@dataclass(frozen=True)
class Hit:
    made: float = 1_600_000_000.0
    saved_s: float = 2.5
    run: int = 3
    target: str = EVIL
    origin: str = ""


@dataclass(frozen=True)
class Told:
    run: int = 7
    started: float = 1_700_000_000.0
    steps: tuple[msgspec.Struct, ...] = REPORT.steps
    hits: Mapping[str, Hit] = field(default_factory=lambda: {"pip": Hit()})
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def harmless(text: str) -> bool:
    return "\x1b" not in text and "\x07" not in text


def test_history() -> None:
    text = history_text([Kept(), Kept(number=6, root="/other")])
    rows = text.splitlines()
    assert harmless(text) and rows[0].split() == ["RUN", "STARTED", "OUTCOME", "TIME", "STEPS", "TARGETS", "DIRECTORY"]
    assert rows[1].split()[3:6] == ["failed", "1m01s", "1"] and rows[1].endswith("/src/evil")
    assert "DIRECTORY" not in history_text([Kept()])
    assert max(map(cells, history_text([Kept()] * 2, width=50).splitlines())) <= 50
    assert json.loads(history_json([Kept()]))["runs"][0]["steps"] == {"cached": 1, "run": 1, "failed": 1}


def test_a_run_told_again_comes_to_the_same_report() -> None:
    fold = ReportFold()
    for event in events_of(REPORT):
        fold.event(event)
    assert fold.report() == REPORT
    found = json.loads(run_json(Kept()))
    assert (found["run"], found["outcome"], len(found["steps"])) == (7, "failed", 3)


def test_explanation() -> None:
    text = explanation_text([Told()])  # type: ignore[list-item]
    assert harmless(text)
    assert "made by run 3 for evil in 2.5s" in text and "; the cache saved 2.5s\n" in text
    assert "made 2020-09-1" in explanation_text([Told(hits={"pip": Hit(run=0)})])  # type: ignore[list-item]
    assert max(map(cells, explanation_text([Told()], width=60).splitlines()[1:-1])) <= 60  # type: ignore[list-item]
    assert json.loads(explanation_json([Told()]))["runs"][0]["steps"][0]["hit"]["saved_s"] == 2.5  # type: ignore[list-item]


def test_of_a_key_with_many_files_the_first_are_shown() -> None:
    parts = {"instruction": EVIL, "env.A": "", **{f"file.f{n}": "1" for n in range(25)}}
    text = explanation_text([Told(parts={"pip": parts})])  # type: ignore[list-item]
    assert harmless(text) and "   env.A  (empty)\n" in text
    assert text.count("   file.f") == 20 and "   and 5 files more\n" in text
    found = json.loads(explanation_json([Told(parts={"pip": parts})]))  # type: ignore[list-item]
    assert len(found["runs"][0]["steps"][0]["parts"]) == 27


def test_usage() -> None:
    rows = [Usage("layer", "a", 1_500_000), Usage("layer", "b", 500_000), Usage("index", "index.db", 10)]
    assert usage_text("/store", rows) == (
        "WHAT    NUMBER    SIZE\nlayers       2  2.0 MB\nindex        1    10 B\n2.0 MB in /store\n"
    )
    found = json.loads(usage_json("/store", rows))
    assert (found["size"], found["rows"][0]["name"]) == (2_000_010, "a")


def test_verified() -> None:
    found = [Diagnostic("damaged-blob", EVIL, hint="do"), Diagnostic("orphan-layer", "left", severity="warning")]
    text = verified_text("/store", False, found, found)
    assert harmless(text) and text.endswith("\nthe store /store is damaged: 2 findings\n")
    assert verified_text("/store", True, found, []).endswith("is sound: 2 findings, 2 repaired\n")
    assert verified_text("/store", True, [], []) == "the store /store is sound\n"


EXAMINED = {
    "can_run": False,
    "values": [{"name": "store", "value": EVIL, "origin": EVIL, "help": "where"}],
    "checks": [
        {"name": "python", "status": "ok", "found": "3.11", "advice": "", "details": ()},
        {"name": "sandbox", "status": "missing", "found": EVIL, "advice": "install " + EVIL, "details": ("a", EVIL)},
    ],
    "logins": [{"path": EVIL, "registries": {EVIL: EVIL}, "problem": EVIL}],
}


def test_examination() -> None:
    text = examination_text(EXAMINED)
    assert harmless(text)
    assert text.endswith(
        "MISSING   sandbox: evil\n          - a\n          - evil\n          hint: install evil\n\n"
        "logins in evil\n  evil: evil\n  problem: evil\n\nthis host cannot run RUN steps: sandbox\n"
    )
    assert "no logins" in examination_text({**EXAMINED, "logins": [], "can_run": True})
    assert json.loads(examination_json(EXAMINED))["can_run"] is False
