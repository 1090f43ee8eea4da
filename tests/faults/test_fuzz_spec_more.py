"""Bad input, the other half (see test_fuzz_spec.py): more damaged examples, and specs made up from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spec_fuzz import COMMANDS, NAMES, Input
from spec_fuzzing import DAMAGED, GENERATED, SEED, takes_damaged
from spec_run import problem, run


def test_more_damaged_examples(directory: Path) -> None:
    takes_damaged(range(SEED + DAMAGED // 2, SEED + DAMAGED), directory)


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
