"""The HTML report in a real Chromium: no errors, no network, no overflow, no injection, all by keyboard."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from devtools import Browser, browser
from sample_report import ATTACKS, sample

from bake.events import Report
from bake.render.page import report_html
from bake.render.page.timeline import critical_path, timeline

FIND = "document.getElementById('find')"
STEPS = 1000
MOST_BYTES = 2_000_000


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("pages")
    empty = Report(outcome="cancelled", exit_code=130, engine="", duration_s=0.0)
    reports = {
        "failed": sample(failed=True),
        "hostile": sample(hostile=True),
        "large": sample(STEPS, 60),
        "empty": (empty, {}),
    }
    for name, (report, logs) in reports.items():
        (directory / f"{name}.html").write_text(report_html(report, logs), "utf-8")
    return {name: directory / f"{name}.html" for name in reports}


@pytest.mark.parametrize("name", ["failed", "hostile", "large", "empty"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_complains_overflows_or_asks_the_network(
    chromium: Browser, pages: dict[str, Path], name: str, scheme: str
) -> None:
    url = pages[name].as_uri()
    chromium.open(url, 1280, scheme=scheme)
    for width in (1280, 360):
        chromium.resize(width)
        chromium.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
        assert chromium.evaluate("document.documentElement.scrollWidth") <= width
    assert chromium.complaints() == []
    assert [asked.partition("#")[0] for asked in chromium.requests()] == [url]
    dark = chromium.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark == ("rgb(14, 17, 22)" if scheme == "dark" else "rgb(246, 247, 249)")


def test_text_that_attacks_is_only_text(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["hostile"].as_uri())
    assert chromium.evaluate("window.attacked") is None
    assert chromium.evaluate("[document.scripts.length, document.images.length]") == [1, 0]
    shown = chromium.evaluate("document.querySelector('pre').textContent")
    for attack in ATTACKS[:3]:
        assert attack in shown
    assert "\nred" in shown and "\x1b" not in shown and "evil.example" not in shown and "\u202e" not in shown
    assert ATTACKS[0] in chromium.evaluate("document.querySelector('.messages').textContent")
    # Even a tag that got in would not run: the policy of the page knows one script.
    chromium.evaluate(
        "(() => { const s = document.createElement('script'); s.textContent = 'window.attacked = 9';"
        " document.body.append(s) })()"
    )
    assert chromium.evaluate("window.attacked") is None


def test_everything_is_reached_by_keyboard(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["failed"].as_uri())
    wanted = chromium.evaluate(
        "document.querySelectorAll('summary, .bar, .graph a, #find, .chip input, button').length"
    )
    reached: set[str] = set()
    unseen = "(() => { const e = document.activeElement; if (e === document.body) return null;"
    unseen += " const all = [...document.querySelectorAll('*')]; const s = getComputedStyle(e);"
    unseen += " const square = e.querySelector && e.querySelector('.square');"
    unseen += " const seen = s.outlineStyle !== 'none' || (square && getComputedStyle(square).stroke !== 'none');"
    unseen += " return [all.indexOf(e), e.matches('summary, .bar, .graph a, #find, .chip input, button'), !!seen] })()"
    for _ in range(400):
        chromium.press("Tab", 9)
        found = chromium.evaluate(unseen)
        if found is None or str(found[0]) in reached:
            break
        assert found[2], f"element {found[0]} does not show that it has the focus"
        reached |= {str(found[0])} if found[1] else set()
    assert len(reached) == wanted
    chromium.evaluate("document.querySelector('.step:not([open]) summary').focus()")
    chromium.press("Enter", 13, "\r")
    assert chromium.evaluate("document.activeElement.parentNode.open")


def test_steps_are_found_filtered_and_opened_by_their_links(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.open(pages["large"].as_uri())
    assert pages["large"].stat().st_size < MOST_BYTES
    visible = "document.querySelectorAll('.step:not([hidden])').length"
    assert chromium.evaluate(visible) == STEPS
    chromium.evaluate(f"{FIND}.value = 'service-7 '; {FIND}.dispatchEvent(new Event('input'))")
    some = chromium.evaluate(visible)
    assert 0 < some < STEPS
    assert chromium.evaluate("document.getElementById('shown').textContent") == f"{some} of {STEPS} steps"
    chromium.evaluate(f"{FIND}.value = ''; {FIND}.dispatchEvent(new Event('input'))")
    chromium.evaluate("document.querySelector('.chip input[value=cached]').click()")
    ran = chromium.evaluate("document.querySelectorAll('.step[data-status=run]').length")
    assert chromium.evaluate(visible) == ran
    hidden = chromium.evaluate("document.querySelector('.step[data-status=cached]').id")
    chromium.evaluate(f"new Promise((done) => {{ location.hash = '{hidden}'; setTimeout(done, 50) }})")
    assert chromium.evaluate(
        f"(() => {{ const e = document.getElementById('{hidden}'); return e.open && !e.hidden }})()"
    )
    assert chromium.complaints() == []


def test_a_thousand_steps_cost_little_to_open_and_to_search(chromium: Browser, pages: dict[str, Path]) -> None:
    """Interactive in under 1 s: by processor time, which a busy machine does not change, and by size of the tree."""
    chromium.open("about:blank")
    chromium.call("Performance.enable", timeDomain="threadTicks")
    before = _processor_seconds(chromium)
    chromium.call("Page.navigate", url=pages["large"].as_uri())
    ready = "new Promise((done) => { if (document.readyState === 'complete') done(); else window.onload = done })"
    chromium.evaluate(f"{ready}.then(() => document.querySelectorAll('*').length)")
    chromium.evaluate("document.body.offsetHeight")
    opened = _processor_seconds(chromium)
    chromium.evaluate(f"{FIND}.value = 'npm'; {FIND}.dispatchEvent(new Event('input')); document.body.offsetHeight")
    assert 0 < opened - before < 1
    assert _processor_seconds(chromium) - opened < 0.5
    nodes = chromium.evaluate("document.querySelectorAll('*').length")
    assert STEPS < nodes < 30 * STEPS


def _processor_seconds(chromium: Browser) -> float:
    """Of the page's main thread so far."""
    rows = {row["name"]: row["value"] for row in chromium.call("Performance.getMetrics")["metrics"]}
    return float(rows["TaskDuration"])


def test_the_critical_path_is_the_chain_that_was_waited_for() -> None:
    report, _ = sample(60, 6, 3)
    steps = {step.id: step for step in report.steps}
    path = [steps[name] for name in critical_path(steps)]
    assert path[-1].started_s + path[-1].duration_s == max(s.started_s + s.duration_s for s in report.steps)
    for one, two in itertools.pairwise(path):
        assert one.started_s + one.duration_s <= two.started_s + 1e-6
    line = timeline(report)
    assert sum(len(lane) for lane in line.lanes) == sum(step.duration_s > 0 for step in report.steps)
    for lane in line.lanes:
        for one, two in itertools.pairwise(lane):
            assert one.left + one.width <= two.left + 1e-3
