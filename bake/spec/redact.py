"""Hiding sensitive values in what is shown (SPEC §3.6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bake.errors import Diagnostic

HIDDEN = "****"


def redact(value: Any, secrets: Iterable[str]) -> Any:
    """`value` with every occurrence of a secret in its texts (names of tables included) hidden, the longest first."""
    ordered = sorted((secret for secret in secrets if secret), key=lambda secret: (-len(secret), secret))
    return _redact(value, ordered) if ordered else value


def redact_finding(diagnostic: Diagnostic, secrets: Iterable[str]) -> Diagnostic:
    """The finding without the secrets that its words might quote."""
    return replace(diagnostic, message=redact(diagnostic.message, secrets), hint=redact(diagnostic.hint, secrets))


def _redact(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN)
        return value
    if isinstance(value, list):
        return [_redact(each, secrets) for each in value]
    if isinstance(value, dict):
        return {_redact(name, secrets): _redact(each, secrets) for name, each in value.items()}
    return value
