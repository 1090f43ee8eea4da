"""What a step gets less than under BuildKit, where a sandbox or a host cannot do better: said once, here.

A sandbox names the keys that hold for it; `bake doctor` and the log show the sentences; tests/conformance asserts each.
"""

from __future__ import annotations

from collections.abc import Mapping

_SENTENCES = {
    "resource-limits": "no limits of memory or processor: there are no cgroups",
    "devices": "no device nodes: without cgroups crun could not keep a step from the host's devices",
    "owners": "one user: all files belong to root; changing owner or user is answered but not done; no device nodes",
    "one-id": "one id: every USER is root; changing owners fails, so package managers do too",
    "users": "USER other than root is refused: bubblewrap maps one id only",
    "setuid": "setuid programs and file capabilities have no effect: no_new_privs is always on",
    "bounding-set": "the capability bounding set stays full; the effective capabilities are the usual ones",
    "seccomp": "no filter of system calls",
    "masks": "less of /proc and /sys is masked",
    "insecure": "--security=insecure is refused",
    "terminal": "no pseudo-terminal and no job control: a terminal is passed through",
}


def reductions(*keys: str) -> Mapping[str, str]:
    """Key → sentence."""
    return {key: _SENTENCES[key] for key in keys}
