"""Dockerfiles as texts, for tests of the parser."""

from __future__ import annotations

import pytest

from bake.dockerfile.instructions import Dockerfile, Instruction
from bake.dockerfile.parse import parse
from bake.errors import InputError, Source


def read(text: str) -> Dockerfile:
    return parse(Source("Dockerfile", text))


def only(text: str) -> Instruction:
    """The instruction of a one-instruction stage."""
    (instruction,) = read(f"FROM scratch\n{text}\n").stages[0].instructions
    return instruction


def mistakes(text: str) -> list[tuple[int, str]]:
    with pytest.raises(InputError) as caught:
        read(text)
    return [(d.span.line if d.span else 0, d.message) for d in caught.value.diagnostics]
