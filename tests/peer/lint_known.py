"""Where `bake check` differs from the peer's on purpose, each with why. What is one case's own stands with the case."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from lint_cases import Case, ignore_file
from lint_subject import Findings, Row

_UNCLEAN = re.compile(r'"(/|\.\.?/|\w+/\.\./)')


@dataclass(frozen=True)
class Difference:
    """A row that only one of the two has."""

    case: Case
    findings: Findings
    error: str
    """The peer's."""
    row: Row
    peer_only: bool

    def __str__(self) -> str:
        rule, message, first, last = self.row
        lines = str(first) if first == last else f"{first}-{last}"
        return f"{'peer' if self.peer_only else 'bake'} only: {lines} {rule}: {message}"


@dataclass(frozen=True)
class Known:
    name: str
    reason: str
    holds: Callable[[Difference], bool]


def _stopped(it: Difference) -> bool:
    return bool(it.error) and not it.error.startswith("lint violation")


KNOWN = (
    Known(
        "refused",
        "bake tells what a Dockerfile is refused for, all of it, and does not lint what it cannot read",
        lambda it: it.peer_only and it.findings.refused and _stopped(it),
    ),
    Known(
        "stopped",
        "the peer ends at its first error; what is odd elsewhere is told by bake at once",
        lambda it: not it.peer_only and _stopped(it),
    ),
    Known(
        "word-that-fails",
        "a word that cannot be expanded is an error of its own, its variables none more",
        lambda it: it.peer_only and it.row[0] == "UndefinedVar" and it.error.startswith("failed to process"),
    ),
    Known(
        "name-without-arg",
        "a bad name of an image in which no ARG stands is an error, and no matter of defaults",
        lambda it: it.peer_only and it.row[0] == "InvalidDefaultArgInFrom" and "$" not in it.row[1],
    ),
    Known(
        "comment-over-an-instruction",
        "reference §1.1: `# check=` above an instruction counts for it; BuildKit 0.25 does not know that yet",
        lambda it: any(re.match(r"\s*check\s*=", text, re.I) for text in it.findings.comments.get(it.row[2], ())),
    ),
    Known(
        "file-and-version",
        "reference §14: names with `file` or `version` are no secrets; BuildKit 0.25 excepts `public` alone",
        lambda it: it.peer_only and bool(re.search(r'SecretsUsed.*"\w+_(FILE|VERSION)"', " ".join(map(str, it.row)))),
    ),
    Known(
        "ignored-file-without-asking",
        "reference §14: CopyIgnoredFile is on; in BuildKit 0.25 it is experimental still",
        lambda it: not it.peer_only and it.row[0] == "CopyIgnoredFile" and "check=" in it.case.dockerfile,
    ),
    Known(
        "ignore-file-with-exceptions",
        "reference §12: an ignore file with a `!` in it is not judged; BuildKit 0.25 judges it",
        lambda it: it.peer_only and it.row[0] == "CopyIgnoredFile" and "\n!" in ignore_file(it.case),
    ),
    Known(
        "path-in-another-spelling",
        "`./a.log` is a.log, which the ignore file keeps out; the peer compares it as it is written",
        lambda it: not it.peer_only and it.row[0] == "CopyIgnoredFile" and bool(_UNCLEAN.search(it.row[1])),
    ),
    Known(
        "hidden-files-and-the-whole",
        "`.*` keeps hidden files out, and not the context `.` itself, to which the peer compares it",
        lambda it: it.peer_only and 'file "." that' in it.row[1] and ".*" in ignore_file(it.case),
    ),
    Known(
        "skip-beats-experimental",
        "what is skipped by its name is skipped; the peer tells experimental rules none the less",
        lambda it: it.peer_only and f"skip={it.row[0]}" in it.case.dockerfile,
    ),
)


def unexplained(found: list[Difference]) -> list[str]:
    """The differences that nothing here explains, as text."""
    return [str(each) for each in found if not any(known.holds(each) for known in KNOWN)]
