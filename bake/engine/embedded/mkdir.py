"""WORKDIR: the directory and its missing parents; what is there already stays as it is (dockerfile.md §9)."""

from __future__ import annotations

import os

from bake.engine.embedded.answers import Made
from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.copy import Check, make_directories
from bake.engine.embedded.draft import Draft
from bake.engine.embedded.made import write_listing
from bake.engine.embedded.owner import ids_of, reader
from bake.engine.embedded.requests import Mkdir
from bake.engine.embedded.stack import Stack
from bake.plan.tree import Entry


def mkdir(request: Mkdir, may: Ownership, check: Check) -> Made:
    """Makes the layer of a WORKDIR. Raises StepError when a file is in the way."""
    check()
    fs = os.path.join(request.scratch, "fs")
    os.mkdir(fs, 0o755)
    with Stack(request.lower, may) as lower, Draft(fs, lower, may) as draft:
        uid, gid = ids_of(request.owner, reader(draft)) or (0, 0)
        new = Entry("d", request.mode, uid, gid, mtime=draft.now if request.epoch is None else request.epoch * 10**9)
        make_directories(draft, draft.resolve(request.path), new)
        return write_listing(request.scratch, draft.finish())
