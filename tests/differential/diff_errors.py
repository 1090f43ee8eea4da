"""Classes of failures: how the daemon words each, and the code it has in bake."""

from __future__ import annotations

import re

CLASSES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("archive", r"Error processing tar file", ("bad-archive", "unsafe-archive")),
    ("run", r"executor failed running", ("step-failed",)),
    ("empty", r"file with no instructions|Dockerfile cannot be empty", ("empty-dockerfile",)),
    ("no-stages", r"no build stage|contains no stages", ("no-stages", "before-from")),
    ("unknown-instruction", r"unknown instruction", ("unknown-instruction",)),
    ("from-words", r"FROM requires either one or three", ("bad-from",)),
    ("stage-name", r"invalid name for build stage", ("bad-stage-name",)),
    ("blank-base", r"base name \(.*\) should not be blank", ("blank-base",)),
    ("platform", r"failed to parse platform", ("bad-platform",)),
    ("flag", r"Unknown flag|Duplicate flag|Missing a value on flag", ("bad-flag",)),
    ("shell-json", r"SHELL requires the arguments to be in JSON form", ("shell-json",)),
    ("arguments", r"requires (at least|exactly)|must have two arguments", ("missing-argument",)),
    ("json-strings", r"must be comprised of strings only", ("json-strings",)),
    ("pair", r"can't find = in|names can not be blank", ("bad-pair",)),
    ("expansion", r"failed to process", ("bad-substitution",)),
    ("secret", r"secret .* not found", ("missing-secret",)),
    ("not-found", r'"/.*" not found', ("missing-source",)),
    ("copy", r"non-directory|not a directory|cannot replace to directory", ("bad-copy",)),
    ("remote-copy", r"source can't be a URL for COPY", ("copy-remote",)),
    ("stage-index", r"invalid stage index", ("bad-stage-index",)),
    ("cycle", r"circular dependency", ("stage-cycle",)),
    ("target", r"target stage .* could not be found", ("unknown-stage",)),
    ("port", r"Invalid (proto|containerPort)", ("bad-port",)),
    ("volume", r"VOLUME specified can not be an empty string", ("empty-volume",)),
    ("signal", r"Invalid signal", ("bad-signal",)),
    ("duration", r"invalid duration|cannot be less than 1ms", ("bad-duration",)),
    ("retries", r"--retries", ("bad-retries",)),
    ("healthcheck", r"HEALTHCHECK", ("bad-healthcheck",)),
    ("onbuild", r"ONBUILD", ("bad-onbuild",)),
    ("escape", r"invalid escape token", ("bad-escape",)),
    ("directive", r"only one .* parser directive", ("repeated-directive",)),
    ("ignore-pattern", r"invalid excludepatterns", ("bad-ignore-pattern",)),
    ("mount", r"unsupported (mount type|sharing)|unexpected key|both source and id", ("bad-mount",)),
    ("mount", r"invalid (mount target|field|value|cache sharing|secret mount)", ("bad-mount",)),
    ("reference", r"invalid reference format", ("bad-reference",)),
)


def judge_class(text: str) -> str:
    """The class of the daemon's message; the message itself if there is none."""
    return next((name for name, pattern, _ in CLASSES if re.search(pattern, text)), text)


def bake_class(code: str) -> str:
    """The class of a diagnostic's code; the code itself if there is none."""
    return next((name for name, _, codes in CLASSES if code in codes), code)
