"""Dockerfiles for the lint rules: tables of their own (lint/*.toml), the differential cases and the corpus.

Keys of a case are those of the differential cases: `name`, `dockerfile`, `files`, `args`, `target`, `known`. A base
image below `registry.test` is pulled, which its platform needs to be known by; the others are there.
"""

from __future__ import annotations

import json
import shutil
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bake.dockerfile.lint import BaseFact, Outside
from bake.dockerfile.lint.scopes import base_stages, expanded, global_scope
from bake.dockerfile.lint.view import view_of
from bake.dockerfile.parse import parse
from bake.errors import Source

HERE = Path(__file__).parent
LINT = HERE / "lint"
RECORDED = LINT / "recorded"
CORPUS = HERE.parent / "corpus"
REGISTRY = "registry.test"
sys.path.insert(0, str(HERE.parent / "differential"))

from diff_cases import Case, load, tables  # noqa: E402

PREDEFINED = {
    "BUILDPLATFORM": "linux/amd64", "BUILDOS": "linux", "BUILDARCH": "amd64", "BUILDVARIANT": "", "BUILDOSVERSION": "",
    "TARGETPLATFORM": "linux/amd64", "TARGETOS": "linux", "TARGETARCH": "amd64", "TARGETVARIANT": "",
    "TARGETOSVERSION": "", "TARGETSTAGE": "default",
}  # fmt: skip


@dataclass(frozen=True)
class Base:
    """An image that cases start FROM, under each of its names: its Dockerfile, and what bake is told of it."""

    names: tuple[str, ...]
    dockerfile: str
    platform: str = "linux/amd64"
    env: Mapping[str, str] = field(default_factory=dict)
    shell: bool = False
    triggers: tuple[str, ...] = ()

    @property
    def fact(self) -> BaseFact:
        return BaseFact(self.platform, self.env, self.shell, tuple(self.triggers))


def own_cases() -> list[Case]:
    return [case for path in sorted(LINT.glob("*.toml")) for case in load(path)]


def differential_cases() -> list[Case]:
    """Their `known` is about what is built, so that it does not count here."""
    rows = [case for path in tables() for case in load(path)]
    return [Case(f"differential-{c.table}", c.name, c.dockerfile, c.files, c.args, c.target) for c in rows]


def corpus_cases() -> list[Case]:
    """One a Dockerfile; its context is the directory that holds it."""
    found = sorted(path for path in CORPUS.rglob("*Dockerfile*") if not path.name.endswith(".dockerignore"))
    return [Case("corpus", str(path.relative_to(CORPUS)), path.read_text()) for path in found]


def all_cases() -> list[Case]:
    return [*own_cases(), *differential_cases(), *corpus_cases()]


def place(case: Case, root: Path) -> tuple[Path, Path]:
    """Writes the case below `root`: its context and its Dockerfile."""
    if case.table != "corpus":
        context = case.write(root)
        return context, context / "Dockerfile"
    dockerfile = root / case.name
    shutil.copytree(CORPUS / Path(case.name).parent, dockerfile.parent, dirs_exist_ok=True)
    return dockerfile.parent, dockerfile


def ignore_file(case: Case) -> str:
    """The text of the ignore file that counts, "" when there is none."""
    if case.table == "corpus":
        dockerfile = CORPUS / case.name
        found = [dockerfile.with_name(f"{dockerfile.name}.dockerignore"), dockerfile.with_name(".dockerignore")]
        return next((path.read_text() for path in found if path.is_file()), "")
    row = case.files.get("Dockerfile.dockerignore", case.files.get(".dockerignore", ""))
    return str(row["text"] if isinstance(row, dict) else row)


def bases() -> list[Base]:
    """Those of bases.toml, and one that has nothing of its own for all other names that the corpus starts FROM."""
    rows = tomllib.loads((HERE / "bases.toml").read_text())["base"]
    found = [Base(**{**row, "names": tuple(row["names"])}) for row in rows]
    others = {name for case in corpus_cases() for name in _images(case)} - {n for base in found for n in base.names}
    return [*found, Base(tuple(sorted(others)), "FROM scratch\nCOPY Dockerfile /\n")]


def facts() -> dict[str, BaseFact]:
    return {name: base.fact for base in bases() for name in base.names}


def _images(case: Case) -> set[str]:
    dockerfile = parse(Source("Dockerfile", case.dockerfile))
    view = view_of(dockerfile, Outside(predefined=PREDEFINED))
    inner, scope = base_stages(view), global_scope(view, {})
    names = {expanded(view, stage.base, scope).text for stage in dockerfile.stages if inner[stage.index] is None}
    return names - {"scratch"}


def recordings() -> dict[str, dict[str, dict[str, Any]]]:
    """Table → case → what the peer said: `found`, rows of rule, message, first and last line; `error` if it failed."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(RECORDED.glob("*.json"))}
