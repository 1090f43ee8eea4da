"""Bad input: whatever bake.toml and the command line say, the answer is an exit code and a placed diagnostic.

The other half of the inputs is in test_fuzz_spec_more.py, so that two workers share them.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from spec_fuzz import SPOILERS, Input, damaged
from spec_fuzzing import DAMAGED, GENERATED, SEED, takes_damaged
from spec_run import Outcome, problem, run
from spec_samples import WORKSPACES

REAL = 15


def test_the_damage_starts_from_good_specs(directory: Path) -> None:
    for workspace in WORKSPACES:
        for argv in (["print", "all"], ["check"], ["list"]):
            assert run(Input({name: text.encode() for name, text in workspace.items()}, argv), directory).code == 0


def test_at_least_twenty_thousand_inputs() -> None:
    assert DAMAGED + GENERATED >= 20_000


def test_damaged_examples(directory: Path) -> None:
    takes_damaged(range(SEED, SEED + DAMAGED // 2), directory)


def test_the_real_command_line_says_the_same(directory: Path) -> None:
    """A sample of the inputs through new processes, whose output and exit code must be those of the same input here."""
    for seed in range(SEED, SEED + REAL):
        input = damaged(random.Random(seed))
        if any("\0" in word for word in input.argv):
            continue
        with tempfile.TemporaryDirectory(dir=directory) as name:
            for path, data in input.files.items():
                Path(name, path).parent.mkdir(parents=True, exist_ok=True)
                Path(name, path).write_bytes(data)
            argv = [sys.executable, "-m", "bake", *input.argv]
            ran = subprocess.run(argv, cwd=name, capture_output=True, timeout=60, check=False)
            real = Outcome(ran.returncode, ran.stdout.decode(), ran.stderr.decode())
        assert not problem(input, real), f"seed {seed}: {problem(input, real)}"
        assert real == run(input, directory), f"seed {seed}"


@pytest.mark.parametrize("spoiler", SPOILERS, ids=lambda spoiler: spoiler.__name__)
def test_every_way_to_spoil_takes_everything(spoiler: Any) -> None:
    for data in (b"", b"\xff", b"a = 1", b"\n\n", WORKSPACES[0]["bake.toml"].encode()):
        for seed in range(20):
            assert isinstance(spoiler(random.Random(seed), data), bytes)
