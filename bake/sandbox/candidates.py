"""The sandboxes that could be, best first (engine.md §1 "Build"): one line a variant."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bake.ports.sandbox import Sandbox
from bake.sandbox.bubblewrap import Bubblewrap
from bake.sandbox.capabilities import names_of
from bake.sandbox.child import search_path
from bake.sandbox.config import Rights
from bake.sandbox.ids import IdMap
from bake.sandbox.reductions import reductions
from bake.sandbox.runtime import Runtime

Make = Callable[[str, Rights], Sandbox]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to confine: `make(path of program, rights)`. `name` is also that of the program's `package`."""

    name: str
    program: str
    package: str
    make: Make

    def find(self) -> str | None:
        """Where the program is."""
        return shutil.which(self.program, path=search_path())


def candidates(rootless: bool) -> Sequence[Candidate]:
    """Those for root, or for a user namespace."""
    runc = Candidate("runc", "runc", "runc", _runtime("runc"))
    bubblewrap = Candidate("bubblewrap", "bwrap", "bubblewrap", _bubblewrap)
    if rootless:
        return (Candidate("crun", "crun", "crun", _runtime("crun", cure=True)), runc, bubblewrap)
    return (
        Candidate("crun", "crun", "crun", _runtime("crun")),
        runc,
        # Never the cure together with CAP_MKNOD.
        Candidate("crun", "crun", "crun", _runtime("crun", cure=True, mknod=False)),
        bubblewrap,
    )


def own_rights(ids: IdMap) -> Rights:
    """What this process may give to a step."""
    status = Path("/proc/self/status").read_text()
    mask = next((line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:")), "0")
    return Rights(ids, names_of(int(mask, 16)))


def _runtime(name: str, cure: bool = False, mknod: bool = True) -> Make:
    def make(program: str, rights: Rights) -> Sandbox:
        given = Rights(rights.ids, rights.all_capabilities, mknod)
        missing = {"resource-limits": cure or rights.ids.rootless, "devices": not mknod, "owners": rights.ids.single}
        lacks = reductions(*(key for key, holds in missing.items() if holds))
        return Runtime(name, program, given, cure, lends_console=name == "crun", reductions=lacks)

    return make


def _bubblewrap(program: str, rights: Rights) -> Sandbox:
    return Bubblewrap(program, rights.ids)


def stamp(program: str) -> str:
    """Changes when the program is replaced."""
    info = os.stat(program)
    return f"{program}:{info.st_size}:{info.st_mtime_ns}"
