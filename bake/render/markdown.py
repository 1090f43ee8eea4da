"""The report as Markdown, made for the summary of a CI job: targets, why steps ran, what failed, tags, links."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from bake.events import Report, StepReport
from bake.oci.reference import DEFAULT_DOMAIN, parse_reference
from bake.render.logs import Logs
from bake.render.plan import estimate
from bake.render.sanitize import clean
from bake.render.words import count, instruction, place, reason, seconds, size, step_counts, told_reason
from bake.solve.planned import PlanReport

_MISSES = 40
_TAIL = 30
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~$@&])")
_HOSTS = {
    DEFAULT_DOMAIN: "https://hub.docker.com/r/{path}/tags?name={tag}",
    "ghcr.io": "https://ghcr.io/{path}:{tag}",
    "quay.io": "https://quay.io/repository/{path}?tab=tags&tag={tag}",
}
"""Registries that have a page for an image."""


def report_markdown(report: Report, logs: Logs, environment: Mapping[str, str]) -> str:
    """GitHub's flavour. `environment` says, as CI systems do, where the sources can be looked at."""
    parts = [
        _head(report),
        _table(("target", "status", "time", "size", "digest", "tags"), _targets(report)),
        *_failures(report, logs, environment),
        _misses(report, environment),
        _messages(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def plan_markdown(plan: PlanReport, environment: Mapping[str, str]) -> str:
    """What a build would do, for the comment of a pull request."""
    counts = step_counts(Counter(step.status for step in plan.steps))
    head = f"## bake plan: {count(len(plan.steps), 'step')}" + (f", {counts}" if counts else "") + estimate(plan)
    targets = [
        (_text(name), target.status, "<br>".join([*map(_tag, target.push), *map(_text, target.outputs)]))
        for name, target in plan.targets.items()
    ]
    rows = [
        (_text(place(step)), step.status, _code(instruction(step)), _text(told_reason(step)), _at(step, environment))
        for step in plan.steps
        if step.status != "cached"
    ]
    parts = [
        head,
        _table(("target", "status", "goes to"), targets),
        _table(("step", "status", "instruction", "why", "at"), rows),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(report: Report) -> str:
    mark = {"ok": "✅", "failed": "❌"}.get(report.outcome, "⏹️")
    steps = step_counts(Counter(step.status for step in report.steps))
    told = [f"{count(len(report.steps), 'step')}" + (f": {steps}" if steps else "")]
    if report.transfers.pushed_bytes or report.transfers.blobs_present:
        told.append(f"{size(report.transfers.pushed_bytes)} pushed")
    return f"## {mark} bake: {report.outcome} in {seconds(report.duration_s)}\n\n" + ", ".join(told)


def _targets(report: Report) -> Iterator[tuple[str, ...]]:
    for name, target in report.targets.items():
        tags = "<br>".join(_tag(tag) for tag in target.tags)
        yield (
            _text(name),
            target.status + (", published" if target.published else ""),
            seconds(target.duration_s),
            size(target.metadata.size) if target.metadata.size else "",
            _code(target.digest[7:19]) if target.digest else "",
            tags,
        )


def _tag(tag: str) -> str:
    """The tag, linked where its registry has pages for people."""
    try:
        reference = parse_reference(tag).with_default_tag()
    except ValueError:
        return _code(tag)
    form = _HOSTS.get(reference.domain)
    if form is None:
        return _code(tag)
    return f"[{_code(tag)}]({form.format(path=reference.path, tag=reference.tag)})"


def _failures(report: Report, logs: Logs, environment: Mapping[str, str]) -> Iterator[str]:
    for step in report.steps:
        if step.status == "failed":
            lines = logs.get(step.id, ())[-_TAIL:]
            code = f" (exit code {step.exit_code})" if step.exit_code else ""
            head = f"### {_text(place(step))} failed{code}\n\n{_code(instruction(step))} {_at(step, environment)}"
            yield head.rstrip() + ("\n\n" + _fenced(lines) if lines else "")


def _misses(report: Report, environment: Mapping[str, str]) -> str:
    missed = [step for step in report.steps if step.why is not None]
    rows = [_miss(step, environment) for step in missed[:_MISSES]]
    if not rows:
        return ""
    more = f"\n\nand {count(len(missed) - _MISSES, 'more step')}" if len(missed) > _MISSES else ""
    table = _table(("step", "instruction", "why", "time", "at"), rows)
    return f"<details><summary>Why {count(len(missed), 'step')} ran</summary>\n\n{table}{more}\n\n</details>"


def _miss(step: StepReport, environment: Mapping[str, str]) -> tuple[str, ...]:
    what, why = _code(instruction(step)), _text(reason(step.why))
    return _text(place(step)), what, why, seconds(step.duration_s), _at(step, environment)


def _at(step: StepReport, environment: Mapping[str, str]) -> str:
    """Where it stands, linked to the commit that a CI system says it builds."""
    path, _, line = step.at.rpartition(":")
    if not path:
        return ""
    if "://" in path or ":" in path or path.startswith(("/", "..")):
        return _text(step.at)
    github = [environment.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "SHA")]
    if all(github):
        return f"[{_text(step.at)}]({github[0]}/{github[1]}/blob/{github[2]}/{_url(path)}#L{line})"
    gitlab = [environment.get(f"CI_{name}", "") for name in ("PROJECT_URL", "COMMIT_SHA")]
    if all(gitlab):
        return f"[{_text(step.at)}]({gitlab[0]}/-/blob/{gitlab[1]}/{_url(path)}#L{line})"
    return _text(step.at)


def _messages(report: Report) -> str:
    lines = [
        f"- **{found.severity}** {_code(found.code)} {_text(found.message)}"
        + (f" ({_text(f'{found.file}:{found.line}')})" if found.file else "")
        for found in report.diagnostics
        if found.severity != "info"
    ]
    return "### Messages\n\n" + "\n".join(lines) if lines else ""


def _table(head: Sequence[str], rows: Iterator[tuple[str, ...]] | Sequence[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *lines]) if lines else ""


def _text(text: str) -> str:
    """Text that no one takes for a mark of Markdown, a tag of HTML or the mention of a user."""
    return _SPECIAL.sub(r"\\\1", clean(" ".join(text.split())))


def _code(text: str) -> str:
    """Inline code; in a table a bar must be escaped even there."""
    text = clean(" ".join(text.split()))
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|") if text else ""


def _fenced(lines: Sequence[str]) -> str:
    fence = "`" * max(3, max((len(run) for line in lines for run in re.findall("`+", line)), default=0) + 1)
    return "\n".join([f"{fence}text", *lines, fence])


def _url(path: str) -> str:
    from urllib.parse import quote

    return quote(path, errors="surrogateescape")
