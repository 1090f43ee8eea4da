"""Classes of failures: how the daemons word each, and the codes it has in bake. The first that fits counts."""

from __future__ import annotations

import re
from collections.abc import Sequence

CLASSES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("archive", r"Error processing tar file|invalid entry name|invalid hardlink target|^linkat ", ("unsafe-archive",)),
    ("archive", r"path escapes from parent", ("bad-archive",)),
    ("not-found", r"did not complete successfully: open /", ("missing-source",)),
    ("run", r"executor failed running|did not complete successfully", ("step-failed",)),
    ("empty", r"file with no instructions|Dockerfile cannot be empty", ("empty-dockerfile",)),
    ("no-stages", r"no build stage|contains no stages", ("no-stages", "before-from")),
    ("unknown-instruction", r"unknown instruction", ("unknown-instruction",)),
    ("from-words", r"FROM requires either one or three", ("bad-from",)),
    ("stage-name", r"invalid name for build stage", ("bad-stage-name",)),
    ("blank-base", r"base name \(.*\) should not be blank", ("blank-base",)),
    ("platform", r"failed to parse platform|empty platform value", ("bad-platform",)),
    ("flag", r"[Uu]nknown flag|[Dd]uplicate flag|[Mm]issing a value on flag|expecting boolean value", ("bad-flag",)),
    ("shell-json", r"SHELL requires the arguments to be in JSON form", ("shell-json",)),
    ("arguments", r"requires (at least|exactly)|must have two arguments", ("missing-argument",)),
    ("json-strings", r"must be comprised of strings only", ("json-strings",)),
    ("pair", r"can't find = in|names can not be blank", ("bad-pair",)),
    ("expansion", r"failed to process", ("bad-substitution",)),
    ("secret", r"secret .* not found", ("missing-secret",)),
    ("not-found", r'"/.*"(:| )+not found|invalid subdir|^open /.*no such file', ("missing-source",)),
    ("copy", r"non-directory|not a directory|cannot replace to directory", ("bad-copy",)),
    ("remote-copy", r"source can't be a (URL|git ref) for COPY", ("copy-remote",)),
    ("stage-index", r"invalid stage index", ("bad-stage-index",)),
    ("cycle", r"circular dependency", ("stage-cycle",)),
    ("target", r"target stage .* could not be found", ("unknown-stage",)),
    ("port", r"[Ii]nvalid (port|proto|containerPort|ranges)", ("bad-port",)),
    ("volume", r"VOLUME specified can not be an empty string", ("empty-volume",)),
    ("signal", r"[Ii]nvalid signal", ("bad-signal",)),
    ("duration", r"invalid duration|cannot be less than 1ms", ("bad-duration",)),
    ("retries", r"--retries", ("bad-retries",)),
    ("healthcheck", r"HEALTHCHECK", ("bad-healthcheck",)),
    ("onbuild", r"ONBUILD", ("bad-onbuild",)),
    ("escape", r"invalid escape token", ("bad-escape",)),
    ("directive", r"only one .* parser directive", ("repeated-directive",)),
    ("pattern", r"invalid excludepatterns|syntax error in pattern|illegal exclusion", ("bad-ignore-pattern",)),
    ("pattern", r"invalid includepatterns", ("bad-pattern",)),
    ("from-variable", r"variable expansion is not supported for --from", ("from-variable",)),
    ("stage-order", r"to be defined before current", ("stage-order",)),
    ("chmod", r"invalid chmod parameter|^invalid syntax$", ("bad-chmod",)),
    ("heredoc", r"unterminated heredoc", ("unterminated-heredoc",)),
    ("heredoc-destination", r"heredoc as a destination", ("heredoc-destination",)),
    ("owner", r"invalid user index", ("bad-owner",)),
    ("network", r"invalid network mode", ("bad-network",)),
    ("checksum", r"checksum (requires|can't be)|invalid checksum", ("bad-checksum",)),
    ("mismatch", r"digest mismatch|expected checksum to match", ("digest-mismatch",)),
    ("status", r"invalid response status", ("bad-url",)),
    ("git-ref", r"does not contain ref", ("no-git-ref",)),
    ("git-url", r"unexpected query|conflicts with", ("bad-git-url",)),
    ("ssh", r"unset ssh forward key", ("missing-ssh",)),
    ("entitlement", r"is not allowed$", ("not-entitled",)),
    ("lint", r"lint violation found", ("lint-violation",)),
    ("check", r"invalid check option", ("bad-check-option",)),
    ("epoch", r"invalid source-date-epoch", ("bad-epoch",)),
    ("device", r"device feature is only supported", ("no-device",)),
    ("mount", r"unsupported (mount type|sharing)|unexpected key|both source and id", ("bad-mount",)),
    ("mount", r"invalid (mount target|field|value|cache sharing|secret mount)", ("bad-mount",)),
    ("mount", r"'from' doesn't support|ssh does not support", ("bad-mount",)),
    ("frontend", r"invalid context name", ("foreign-frontend",)),
    ("reference", r"invalid reference format", ("bad-reference",)),
)


def judge_class(text: str) -> str:
    """The class of the daemon's message; the message itself if there is none."""
    return next((name for name, pattern, _ in CLASSES if re.search(pattern, text)), text)


def bake_class(codes: Sequence[str]) -> str:
    """The class of the first diagnostic that has one, else the first's code; "built" if there is none at all."""
    classes = [name for code in codes for name, _, known in CLASSES if code in known]
    return [*classes, *codes, "built"][0]
