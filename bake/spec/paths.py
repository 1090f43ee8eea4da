"""Paths that one file says for targets of another (SPEC §1: they are relative to *their* file), rewritten to fit."""

from __future__ import annotations

import re
from posixpath import join, normpath, relpath

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|git@")


def rebase(path: str, said_in: str, root: str) -> str:
    """`path`, said in the directory `said_in`, from the directory `root`; URLs and absolute paths are left alone."""
    if said_in == root or not path or path == "-" or path[0] in "/~":
        return path
    if path.startswith("oci-layout://"):
        return "oci-layout://" + rebase(path.removeprefix("oci-layout://"), said_in, root)
    if _REMOTE.match(path):
        return path
    return relpath(normpath(join(said_in, path)), root)
