"""`bake check`: everything that is wrong or odd in the spec and its Dockerfiles. Needs no network, engine or store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bake.app.loading import find, read, request
from bake.app.options import Options
from bake.app.session import Session
from bake.errors import Diagnostic, InputError
from bake.gather.scan import read_texts
from bake.plan.check import check_targets
from bake.plan.facts import Facts, Needs
from bake.spec.report import Report
from bake.spec.resolve import Resolved
from bake.spec.resolve import check as check_spec


def check(options: Options) -> tuple[Diagnostic, ...]:
    """All findings of all targets that are no templates, by file and line. Raises nothing of its own."""
    report = Report()
    with Session(options) as session:
        try:
            _check(session, report)
        except InputError as error:
            report.extend(error.diagnostics)
    return tuple(report.sorted())


def _check(session: Session, report: Report) -> None:
    spec = read(find(session.options.directory, session.options.file))
    asked = request(session, spec, ("all",))
    report.extend(check_spec(spec, asked))
    resolved = Resolved(spec, asked)
    facts = Facts()
    while True:
        found = check_targets(list(resolved.targets.values()), resolved, facts, session.platform)
        if not isinstance(found, Needs):
            report.extend(found)
            return
        facts = replace(facts, texts={**facts.texts, **_texts(found.texts, report)})


def _texts(paths: Iterable[str], report: Report) -> dict[str, str | None]:
    """As `read_texts`; a file that cannot be read is a finding, and counts as not there."""
    found: dict[str, str | None] = {}
    for path in paths:
        try:
            found |= read_texts((path,))
        except InputError as error:
            report.extend(error.diagnostics)
            found[path] = None
    return found
