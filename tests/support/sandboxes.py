"""The tiers and sandboxes of this host, each as a process in the namespaces that the engine's helper has."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from as_user import as_user, ensure_user

_NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
TIERS = {
    "root": _NAMESPACES,
    "subordinate": [*_NAMESPACES, "--user", "--map-auto", "--map-root-user"],
    "single": [*_NAMESPACES, "--user", "--map-root-user"],
}
SCRIPT = Path(__file__).with_name("sandbox_host.py")


@dataclass(frozen=True)
class Ran:
    """What became of a run."""

    code: int | None
    out: bytes
    err: bytes
    refused: str
    cancelled: bool
    left: tuple[str, ...]
    scratch: tuple[str, ...]
    changed: dict[str, Any]

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def command(tier: str, directory: str, *words: str) -> list[str]:
    """The command line of sandbox_host.py in a tier; not root's tiers as an ordinary user."""
    argv = [*TIERS[tier], sys.executable, str(SCRIPT), directory, *words]
    if tier != "root" and os.geteuid() == 0:
        ensure_user()
        os.chmod(directory, 0o777)
        argv = as_user(argv)
    return ["setpriv", "--pdeathsig", "KILL", *argv]


class SandboxProcess:
    """One process in one tier with one sandbox."""

    def __init__(self, tier: str, name: str) -> None:
        self.tier = tier
        self._directory = tempfile.mkdtemp(prefix="bake-sandbox-")
        self._process = subprocess.Popen(
            command(tier, self._directory, name), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        first = self._read()
        assert "error" not in first, first
        self.name: str = first["sandbox"]
        self.reductions: dict[str, str] = first["reductions"]

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the sandbox's process died"
        return dict(json.loads(line))

    def run(self, *args: str, **more: Any) -> Ran:
        """Runs `args`; see sandbox_host.Host.answer for `files`, `cancel_at`, `read`; the rest is of the Execution."""
        own = {key: more.pop(key) for key in ("files", "cancel_at", "read") if key in more}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"execution": {"args": args, **more}, **own}) + "\n")
        self._process.stdin.flush()
        found = self._read()
        out, err = (base64.b64decode(found[name]) for name in ("stdout", "stderr"))
        return Ran(
            found.get("code"), out, err, found.get("refused", ""), found.get("cancelled", False),
            tuple(found["processes"]), tuple(found["scratch"]), found["changed"],
        )  # fmt: skip

    def sh(self, script: str, **more: Any) -> Ran:
        return self.run("/bin/sh", "-c", script, **more)

    def start(self, script: str) -> None:
        """Runs a script without waiting; for `kill`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"execution": {"args": ["/bin/sh", "-c", script]}}) + "\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """As bake's end by SIGKILL: what stands at the top of the namespaces dies."""
        self._process.kill()
        self._process.wait(10)
        shutil.rmtree(self._directory, ignore_errors=True)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        shutil.rmtree(self._directory, ignore_errors=True)


def variants() -> list[tuple[str, str]]:
    """(tier, sandbox). Root's tier only where the tests run as root."""
    names = ("crun", "runc", "bubblewrap")
    tiers = ("root", "subordinate", "single") if os.geteuid() == 0 else ("subordinate", "single")
    return [(tier, name) for tier in tiers for name in names]
