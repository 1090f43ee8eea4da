"""What the fuzz tests of bake.toml share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from spec_fuzzing import fuzz_directory


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Where inputs are written and run."""
    with fuzz_directory() as place:
        yield place
