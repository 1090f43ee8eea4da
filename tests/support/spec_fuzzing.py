"""How many bad inputs there are, where they are run, and a range of the damaged ones."""

from __future__ import annotations

import os
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from spec_fuzz import damaged
from spec_run import problem, run

DAMAGED, GENERATED = 19_500, 500
SEED = 20_000


@contextmanager
def fuzz_directory() -> Iterator[Path]:
    """In memory where there is such a place: 20,000 inputs are as many files. A defect shows its traceback there, and
    nothing of this machine matters.
    """
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="bake-fuzz-", dir=place) as name:
        patch.setenv("BAKE_DEBUG", "1")
        patch.setenv("NO_COLOR", "1")
        for variable in ("TOKEN", "PYTHON_VERSION", "X", "XDG_CONFIG_HOME"):
            patch.delenv(variable, raising=False)
        yield Path(name)


def takes_damaged(seeds: range, directory: Path) -> None:
    """Every seed of the range through the command line: no defect, no hang, and enough of both outcomes."""
    codes: Counter[int] = Counter()
    spoilt = set()
    for seed in seeds:
        input = damaged(random.Random(seed))
        outcome = run(input, directory)
        assert not problem(input, outcome), f"seed {seed}: {input.argv} {problem(input, outcome)}"
        codes[outcome.code] += 1
        spoilt.add(hash(tuple(input.files.items())))
    print(f"{codes.total()} inputs from seed {seeds.start}: {dict(codes)}")
    assert codes.total() == len(seeds)
    assert min(codes[0], codes[2]) > len(seeds) // 20, "the fuzz must reach both"
    assert len(spoilt) > len(seeds) // 2
