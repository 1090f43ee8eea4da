"""Foldable sections in the logs of CI systems: one function a system, chosen by its environment variable."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import time

_INDENTED = re.compile("^([ \t]+)::", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sections:
    """`open(id, title)` and `close(id)` give lines to print; `guard` makes text harmless to the system."""

    open: Callable[[str, str], str]
    close: Callable[[str], str]
    guard: Callable[[str], str]


def sections_for(environment: Mapping[str, str], clock: Callable[[], float] = time) -> Sections:
    """GitHub Actions and GitLab have them; elsewhere a title is a line."""
    if environment.get("GITHUB_ACTIONS") == "true":
        return Sections(_github_open, lambda _id: "::endgroup::\n", _github_guard)
    if environment.get("GITLAB_CI"):
        return _gitlab(clock)
    return Sections(lambda _id, title: f"{title}\n", lambda _id: "", lambda text: text)


def _github_open(_id: str, title: str) -> str:
    return f"::group::{title.replace('%', '%25')}\n"


def _github_guard(text: str) -> str:
    """`##[command]` is obeyed anywhere in a line, `::command::` at its start, where ours stand, or behind blanks."""
    return _INDENTED.sub(r"\1: :", text.replace("##[", "## ["))


def _gitlab(clock: Callable[[], float]) -> Sections:
    """docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections"""

    def opened(id: str, title: str) -> str:
        return f"\x1b[0Ksection_start:{clock():.0f}:{_name(id)}\r\x1b[0K{title}\n"

    def closed(id: str) -> str:
        return f"\x1b[0Ksection_end:{clock():.0f}:{_name(id)}\r\x1b[0K\n"

    return Sections(opened, closed, lambda text: text)


def _name(id: str) -> str:
    return "step_" + "".join(character if character.isalnum() else "_" for character in id)[:40]
