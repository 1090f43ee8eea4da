"""The forms of a report, by the suffix of its file. One line here is all that a new form needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath

from bake.events import Report
from bake.render.logs import Logs

Form = Callable[[Report, Logs, Mapping[str, str]], str]


def _json(report: Report, _logs: Logs, _environment: Mapping[str, str]) -> str:
    from bake.render.report import report_json

    return report_json(report)


def _markdown(report: Report, logs: Logs, environment: Mapping[str, str]) -> str:
    from bake.render.markdown import report_markdown

    return report_markdown(report, logs, environment)


def _html(report: Report, logs: Logs, _environment: Mapping[str, str]) -> str:
    from bake.render.page import report_html

    return report_html(report, logs)


FORMS: Mapping[str, Form] = {".json": _json, ".md": _markdown, ".html": _html}


def form_of(name: str) -> Form:
    """The form that a file's suffix asks for. Raises KeyError."""
    return FORMS[PurePath(name).suffix]
