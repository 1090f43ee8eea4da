"""`bake check`: everything that is wrong or odd in the spec and its Dockerfiles. Needs no network, engine or store."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from bake.app.jobs import output_findings
from bake.app.loading import find, read, request
from bake.app.options import Options
from bake.app.session import Session
from bake.errors import Diagnostic, InputError, Source, Span
from bake.gather.scan import names, read_texts
from bake.plan.check import check_targets
from bake.plan.facts import Facts, Needs
from bake.plan.step import LocalOp
from bake.plan.tree import Tree
from bake.spec.report import Report, cut
from bake.spec.resolve import Resolved
from bake.spec.resolve import check as check_spec
from bake.spec.target import Target
from bake.spec.workspace import Spec

_SHOWN_AT_MOST = 1_000
_LIMITS = frozenset({"file-too-large", "matrix-too-large", "nested-too-deeply", "too-many-targets", "too-much-text"})
"""Errors after which the Dockerfiles are not looked at: the spec is far larger than it was meant to be."""


def check(options: Options) -> tuple[Diagnostic, ...]:
    """All findings of all targets that are no templates, by file and line. Raises nothing of its own."""
    report = Report()
    with Session(options) as session:
        try:
            _check(session, report)
        except InputError as error:
            report.extend(error.diagnostics)
    found = report.sorted()
    if len(found) > _SHOWN_AT_MOST:  # errors first: nobody reads so many, and warnings must not hide them
        found.sort(key=lambda diagnostic: diagnostic.severity != "error")
    return cut(found, _SHOWN_AT_MOST)


def _check(session: Session, report: Report) -> None:
    spec = read(find(session.options.directory, session.options.file), session.environment)
    asked = request(session, spec, ("all",))
    report.extend(check_spec(spec, asked))
    if any(diagnostic.code in _LIMITS for diagnostic in report.errors):
        return
    resolved = Resolved(spec, asked)
    report.extend(finding for target in resolved.targets.values() for finding in output_findings(target))
    facts = Facts() if session.on_buildkit else Facts(frontends=None)
    while True:
        found = check_targets(list(resolved.targets.values()), resolved, facts, session.platform)
        if not isinstance(found, Needs):
            report.extend(_from_here(diagnostic, spec) for diagnostic in found)
            return
        facts = replace(
            facts,
            texts={**facts.texts, **_texts(found.texts, report)},
            trees={**facts.trees, **_trees(found.trees, resolved.targets.values(), report)},
        )


def _from_here(diagnostic: Diagnostic, spec: Spec) -> Diagnostic:
    """With the name of its Dockerfile as it is from the working directory, as those of the spec's files are."""
    span = diagnostic.span
    if span is None or span.source.name in {member.file.source.name for member in spec.members}:
        return diagnostic
    path = os.path.join(spec.directory, span.source.name)
    if not os.path.isfile(path):  # the text stands in the spec itself
        return diagnostic
    return replace(diagnostic, span=replace(span, source=Source(os.path.relpath(path), span.source.text)))


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


def _trees(contexts: Iterable[LocalOp], targets: Iterable[Target], report: Report) -> dict[LocalOp, Tree]:
    """What the contexts hold, unread; one that is not there is a finding, and counts as empty."""
    found: dict[LocalOp, Tree] = {}
    for context in contexts:
        try:
            found[context] = names(context)
        except InputError as error:
            span = _named(context.root, targets)
            report.extend(diagnostic.at(span) for diagnostic in error.diagnostics)
            found[context] = {}
    return found


def _named(root: str, targets: Iterable[Target]) -> Span | None:
    """Where a target says that this directory is a context of it."""
    for target in targets:
        for key, value in (("context", target.context), *((f"contexts.{k}", v) for k, v in target.contexts.items())):
            if os.path.normpath(os.path.join(target.root, value)) == root and (span := target.span(key)) is not None:
                return span
    return None
