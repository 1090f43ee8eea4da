"""The cases as data: one behaviour each, a Dockerfile and the files of its context, in cases/*.toml.

Keys of a case: `name`, `dockerfile`, `files` (path → text, or a table with `text`, `mode`, `link`, `hard`, `tar`; a
path ending in `/` is a directory), `args`, `target`, `contexts` (named ones: a directory of `files`, or `image:` and a
base), `secrets` (id → a path of `files`), `rewrite` (times of files by SOURCE_DATE_EPOCH), `known` (differences that
are meant, each with its reason; with the `judge` whose they are, 20.10 unless said), `reference` (for what 20.10 is too
old for: the section; before the first case, for all of the table), `expect` (for what no judge knows: parts of the
result).
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diff_archives import make_archive

CASES = Path(__file__).parent / "cases"
MTIME = 1_600_000_000


@dataclass(frozen=True)
class Case:
    """One Dockerfile with its inputs. `table` is the file it stands in."""

    table: str
    name: str
    dockerfile: str
    files: Mapping[str, Any] = field(default_factory=dict)
    args: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    contexts: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    rewrite: bool = False
    known: tuple[Mapping[str, Any], ...] = ()
    reference: str = ""
    expect: Mapping[str, Any] = field(default_factory=dict)

    @property
    def judges(self) -> tuple[str, ...]:
        """The versions of the judges that are asked."""
        return () if self.expect else ("28.5",) if self.reference else ("20.10", "28.5")

    @property
    def fails(self) -> bool:
        """It is meant to, and built alone."""
        return self.table.startswith("errors")

    def write(self, root: Path) -> Path:
        """The build context, the Dockerfile within; every time stamp is the same."""
        (root / self.name).mkdir(parents=True)
        context = root / self.name
        (context / "Dockerfile").write_text(self.dockerfile)
        for name, given in self.files.items():
            _write(context, name, given)
        for path in [context, *context.rglob("*")]:
            os.utime(path, (MTIME, MTIME), follow_symlinks=False)
        return context


def _write(context: Path, name: str, given: Any) -> None:
    row = given if isinstance(given, dict) else {"text": given}
    path = context / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if "link" in row:
        path.symlink_to(row["link"])
        return
    if "hard" in row:
        path.hardlink_to(context / row["hard"])
        return
    if name.endswith("/"):
        path.mkdir(exist_ok=True)
    else:
        path.write_bytes(make_archive(row))
    path.chmod(int(str(row.get("mode", "755" if name.endswith("/") else "644")), 8))


def load(path: Path) -> list[Case]:
    """The cases of one table."""
    table = tomllib.loads(path.read_text())
    common = {key: value for key, value in table.items() if key != "case"}
    return [Case(path.stem, **{**common, **row, "known": tuple(row.get("known", ()))}) for row in table["case"]]


def tables() -> Iterator[Path]:
    """All tables but the base images'."""
    return (path for path in sorted(CASES.glob("*.toml")) if path.stem != "bases")


def all_cases() -> list[Case]:
    return [case for path in tables() for case in load(path)]


def bases() -> list[Case]:
    """The images that cases start FROM, in the order to build them."""
    return load(CASES / "bases.toml")


def base_of(case: Case, names: list[str]) -> list[str]:
    """The base images that a case names as a word, or as a context."""
    words = set(case.dockerfile.replace("=", " ").replace(",", " ").replace("/", " ").split())
    words |= {given.removeprefix("image:") for given in case.contexts.values()}
    return [name for name in names if name in words]
