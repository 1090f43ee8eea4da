"""The peer's `build --call=check` of a Dockerfile."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from buildkit_daemon import Daemon
from lint_cases import REGISTRY, Case, bases, place
from peer_host import buildx

_SYNTAX = re.compile(r"\A#\s*syntax\s*=.*")
_CHECK = re.compile(r"^#\s*check\s*=", re.IGNORECASE)
_COPY_IGNORED = "experimental=CopyIgnoredFile"
"""A rule that this peer has to be asked for, and a newer one has not; of no effect beside a `# check=`."""


class LintJudge:
    """`registry`: `host:port` of one on the loopback interface, whose name stands in no result."""

    def __init__(self, daemon: Daemon, registry: str, root: Path) -> None:
        self._daemon, self._registry, self._root = daemon, registry, root

    def make_bases(self) -> None:
        for number, base in enumerate(bases()):
            place = self._root / f"base-{number}"
            place.mkdir()
            (place / "Dockerfile").write_text(base.dockerfile)
            pulled = any(name.startswith(f"{REGISTRY}/") for name in base.names)
            for push in (False, True) if pulled else (False,):
                names = [name for name in base.names if name.startswith(f"{REGISTRY}/") == push]
                words = ["build", "--provenance=false", f"--platform={base.platform}", *(["--push"] if push else [])]
                words += [word for name in names for word in ("--tag", name.replace(REGISTRY, self._registry))]
                done = buildx([*words, str(place)], self._root, daemon=self._daemon)
                assert done.returncode == 0 or not names, done.stderr

    def check(self, case: Case) -> dict[str, Any]:
        """One recording (see `recordings`)."""
        root = self._root / case.table
        context, dockerfile = place(case, root)
        text = dockerfile.read_bytes().decode().replace(REGISTRY, self._registry)
        text = _SYNTAX.sub(lambda _: "# escape=\\", text)  # the front end that it names cannot be fetched
        dockerfile.write_bytes(text.encode())
        args = dict(case.args)
        if not any(map(_CHECK.match, text.split("\n"))):
            args.setdefault("BUILDKIT_DOCKERFILE_CHECK", _COPY_IGNORED)
        words = ["build", "--call=check,format=json", f"--file={dockerfile}"]
        words += [word for key, value in args.items() for word in ("--build-arg", f"{key}={value}")]
        words += [f"--target={case.target}"] if case.target else []
        done = buildx([*words, str(context)], self._root, daemon=self._daemon)
        shutil.rmtree(context, ignore_errors=True)
        return self._result(json.loads(done.stdout) if done.stdout.startswith("{") else None, done.stderr)

    def _result(self, said: dict[str, Any] | None, complaint: str) -> dict[str, Any]:
        if said is None:
            return {"found": [], "error": self._plain(complaint.split("ERROR: ")[-1].splitlines()[0])}
        rows = []
        for warning in said.get("warnings") or []:
            ranges = warning["location"].get("ranges") or [{"start": {"line": 0}, "end": {"line": 0}}]
            lines = ranges[0]["start"]["line"], ranges[-1]["end"]["line"]
            rows.append([warning["ruleName"], self._plain(warning["detail"]), *lines])
        error = said.get("buildError")
        return {"found": sorted(rows), **({"error": self._plain(error["message"])} if error else {})}

    def _plain(self, text: str) -> str:
        return text.replace(self._registry, REGISTRY).replace(str(self._root), "ROOT")
