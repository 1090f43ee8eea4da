"""Our own rule about the order of instructions: what every change of a file would needlessly run again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import normpath

from bake.dockerfile.instructions import Copy, Run
from bake.dockerfile.lint.rule import Finding
from bake.dockerfile.lint.view import View, Written

_INSTALL = re.compile(
    r"\b(?:(?:apt-get|apt|dnf|microdnf|yum|zypper)\s(?:[^&|;\n]*\s)?install|apk\s(?:[^&|;\n]*\s)?add)\s"
)
_LOCAL = re.compile(r"\s\.{0,2}/|\.(?:deb|rpm|apk)\b|\$\(|<|\bxargs\b")
"""What may read a file that was copied: a path, a package file, a list made from a file."""


def copy_before_install(view: View) -> Iterator[Finding]:
    """The whole context is copied, then packages of the distribution are installed, which need none of it."""
    for _, body in view.bodies():
        whole: Written | None = None
        for at in body:
            if isinstance(at.item, Copy) and at.item.from_ is None and "." in map(normpath, at.item.sources):
                whole = whole or at
            elif isinstance(at.item, Run) and whole is not None and _installs(at.item):
                message = "Packages are installed again whenever any file of the context changes"
                yield Finding(whole, f"{message}, by the RUN in line {at.span.line}", whole.span)
                break


def _installs(run: Run) -> bool:
    text = run.command.shell
    if not text or run.heredocs or any(dict(mount.options).get("type", "bind") == "bind" for mount in run.mounts):
        return False
    return any(not _LOCAL.search(part) for part in re.split(r"&&|;|\|\|", text) if _INSTALL.search(part + " "))
