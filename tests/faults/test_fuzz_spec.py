"""Bad input: whatever bake.toml and the command line say, the answer is an exit code and a placed diagnostic."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spec_fuzz import COMMANDS, NAMES, SPOILERS, Input, damaged
from spec_run import Outcome, problem, run
from spec_samples import WORKSPACES

DAMAGED, GENERATED, REAL = 18_500, 1_500, 30
SEED = 20_000


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """In memory where there is such a place: 20,000 inputs are as many files."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="bake-fuzz-", dir=place) as name:
        yield Path(name)


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    """A defect must show its traceback, and nothing of this machine may matter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKE_DEBUG", "1")
        patch.setenv("NO_COLOR", "1")
        for name in ("TOKEN", "PYTHON_VERSION", "X", "XDG_CONFIG_HOME"):
            patch.delenv(name, raising=False)
        yield


def test_the_damage_starts_from_good_specs(directory: Path) -> None:
    for workspace in WORKSPACES:
        for argv in (["print", "all"], ["check"], ["list"]):
            assert run(Input({name: text.encode() for name, text in workspace.items()}, argv), directory).code == 0


def test_at_least_twenty_thousand_inputs() -> None:
    assert DAMAGED + GENERATED >= 20_000


def test_damaged_examples(directory: Path) -> None:
    codes: dict[int, int] = {}
    spoilt = set()
    for seed in range(SEED, SEED + DAMAGED):
        input = damaged(random.Random(seed))
        outcome = run(input, directory)
        assert not problem(input, outcome), f"seed {seed}: {input.argv} {problem(input, outcome)}"
        codes[outcome.code] = codes.get(outcome.code, 0) + 1
        spoilt.add(hash(tuple(input.files.items())))
    print(f"{sum(codes.values())} inputs from seed {SEED}: {codes}")
    assert sum(codes.values()) == DAMAGED
    assert min(codes[0], codes[2]) > DAMAGED // 20, "the fuzz must reach both"
    assert len(spoilt) > DAMAGED // 2


_TEXTS = st.sampled_from(
    ["x", "", "${A}", "${A | slug}", "target:t", "type=oci,dest=x", "x/y:z", "64m", "10m", "${${A}}"]
)
_VALUES = st.recursive(
    st.one_of(
        _TEXTS, st.text(st.characters(exclude_categories=["Cs"]), max_size=6), st.booleans(),
        st.integers(-(2**64), 2**64), st.floats(), st.dates(), st.datetimes(), st.times(),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_TABLES = st.dictionaries(st.sampled_from(NAMES), _VALUES, max_size=4)
_SPECS = st.fixed_dictionaries(
    {"target": st.dictionaries(st.sampled_from(["t", "app", "_base", "web"]), _TABLES, min_size=1, max_size=3)},
    optional={
        "variable": st.dictionaries(st.sampled_from(["A", "PYTHON", "a b"]), _VALUES, max_size=2),
        "defaults": _TABLES,
        "group": st.dictionaries(st.sampled_from(["default", "g", "all"]), _VALUES, max_size=2),
        "profile": st.dictionaries(st.sampled_from(["release"]), _TABLES, max_size=1),
        "include": _VALUES,
        "x": _VALUES,
    },
)


def test_generated_specs(directory: Path) -> None:
    count = 0

    @settings(max_examples=GENERATED, deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(_SPECS, st.sampled_from(COMMANDS))
    def takes(spec: dict[str, Any], argv: tuple[str, ...]) -> None:
        nonlocal count
        input = Input({"bake.toml": tomlkit.dumps(spec).encode()}, argv)
        outcome = run(input, directory)
        assert not problem(input, outcome), problem(input, outcome)
        count += 1

    takes()
    assert count >= GENERATED


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
