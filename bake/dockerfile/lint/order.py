"""Our own rules about the order of instructions: what every change of a file would needlessly run again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from posixpath import normpath

from bake.dockerfile.instructions import Copy, Run
from bake.dockerfile.lint.rule import Finding
from bake.dockerfile.lint.view import View, Written

_INSTALL = re.compile(
    r"\b(?:(?:apt-get|apt|dnf|microdnf|yum|zypper)\s(?:[^&|;\n]*\s)?install|apk\s(?:[^&|;\n]*\s)?add)\s"
)
_LOCAL = re.compile(r"\s\.{0,2}/|\.(?:deb|rpm|apk)\b|\$\(|<|\bxargs\b")
"""What may read a file that was copied: a path, a package file, a list made from a file."""


_DEPENDENCIES = re.compile(
    r"\b(?:pip3?\s(?:[^&|;\n]*\s)?install\s(?:[^&|;\n]*\s)?(?:-r|--requirement)[\s=]"
    r"|npm\s+(?:ci|install|i)\b|yarn\s+install\b|pnpm\s+(?:install|i)\b|go\s+mod\s+download\b|bundle\s+install\b"
    r"|composer\s+install\b|poetry\s+install\b|uv\s+sync\b|cargo\s+fetch\b|mvn\s(?:[^&|;\n]*\s)?dependency:)"
)
"""What reads a list of dependencies, which changes less often than the rest of a context."""


def copy_before_install(view: View) -> Iterator[Finding]:
    """The whole context is copied, then packages of the distribution are installed, which need none of it."""
    message = "Packages are installed again whenever any file of the context changes"
    yield from _run_again(view, _installs, message)


def copy_before_dependencies(view: View) -> Iterator[Finding]:
    """The whole context is copied, then dependencies are installed, of which only a file of it says anything.

    Unless that was done above the COPY too: then the second time adds what is in the context itself.
    """
    message = "Dependencies are installed again whenever any file of the context changes"
    for finding in _run_again(view, _installs_dependencies, message):
        above = (at.item for at in view.of(Run) if at.stage == finding.at.stage and at.span.line < finding.span.line)
        if not any(isinstance(run, Run) and _DEPENDENCIES.search((run.command.shell or "") + " ") for run in above):
            yield finding


def _run_again(view: View, found: Callable[[Run], bool], message: str) -> Iterator[Finding]:
    for _, body in view.bodies():
        whole: Written | None = None
        for at in body:
            if at.triggered:
                continue
            if isinstance(at.item, Copy) and at.item.from_ is None and "." in map(normpath, at.item.sources):
                whole = whole or at
            elif isinstance(at.item, Run) and whole is not None and found(at.item):
                yield Finding(whole, f"{message}, by the RUN in line {at.span.line}", whole.span)
                break


def _installs_dependencies(run: Run) -> bool:
    if not run.command.shell or any(dict(mount.options).get("type", "bind") == "bind" for mount in run.mounts):
        return False
    texts = (run.command.shell, *(heredoc.body for heredoc in run.heredocs))
    return any(_DEPENDENCIES.search(text + " ") is not None for text in texts)


def _installs(run: Run) -> bool:
    text = run.command.shell
    if not text or run.heredocs or any(dict(mount.options).get("type", "bind") == "bind" for mount in run.mounts):
        return False
    return any(not _LOCAL.search(part) for part in re.split(r"&&|;|\|\|", text) if _INSTALL.search(part + " "))
