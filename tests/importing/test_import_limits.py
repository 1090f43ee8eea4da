"""Large and hostile inputs end in a clear error, in a process that stays small and quick (measured: its own time)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from memory import measured

MB = 1024 * 1024
ALIASES = (
    "a0: &a0 [x, x]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    + "services: {s: {build: .}}\n"
)


def _filled(start: str, unit: str, size: int) -> str:
    return start + unit * (size // len(unit))


INPUTS: dict[str, tuple[str, Callable[[], str], str]] = {
    "10 MB of HCL": ("a.hcl", lambda: _filled("", 'target "a" {\n}\n', 10 * MB), "file-too-large"),
    "10 MB of JSON": ("a.json", lambda: json.dumps({"target": {"a": {"tags": ["x"] * MB * 2}}}), "file-too-large"),
    "10 MB of YAML": ("a.yaml", lambda: _filled("services:\n", "  a: {build: .}\n", 10 * MB), "file-too-large"),
    "much HCL, wrong at its end": (
        "a.hcl", lambda: _filled("", 'target "a" {\n}\n', MB // 2 - 100) + "=", "import-syntax",
    ),
    "much YAML, wrong at its end": (
        "a.yaml", lambda: _filled("services:\n", "  a: {build: .}\n", 96 * 1024 - 100) + " b: ]", "import-syntax",
    ),
    "much JSON, wrong at its end": (
        "a.json", lambda: '{"target": {"a": {"tags": [' + '"x", ' * (MB // 10 - 20) + "]}}", "import-syntax",
    ),
    "nested JSON": ("a.json", lambda: '{"target": ' + "[" * (MB // 2 - 100), "nested-too-deeply"),
    "nested HCL": ("a.hcl", lambda: "a = " + "{a = " * (MB // 12), "nested-too-deeply"),
    "nested HCL templates": ("a.hcl", lambda: "a = " + '"${' * (MB // 8), "nested-too-deeply"),
    "nested YAML flows": ("a.yaml", lambda: "a: " + "{a: " * (MB // 60), "nested-too-deeply"),
    "nested YAML blocks": ("a.yaml", lambda: "".join(" " * n + "a:\n" for n in range(400)), "nested-too-deeply"),
    "YAML aliases": ("a.yaml", lambda: ALIASES, "too-much-work"),
    "a large matrix": (
        "a.hcl",
        lambda: 'target "a" {\n  name = "a-${x}-${y}"\n  matrix = { x = range(1000), y = range(1000) }\n}\n',
        "too-much-work",
    ),
    "many unknown keys, all noted": (
        "a.hcl", lambda: 'target "a" {\n' + "".join(f"  k{n} = 1\n" for n in range(9000)) + "  tags = [x]\n}\n",
        "import-undefined",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INPUTS)
def test_a_clear_error_in_little_time_and_memory(tmp_path: Path, name: str) -> None:
    """CPU time rather than time on the clock; a loaded machine takes up to twice as much."""
    file, text, code = INPUTS[name]
    (tmp_path / file).write_text(text())
    done = measured(tmp_path, "import", file, "-o", "-", limit=60)
    assert done.code == 2, done.said[-500:]
    assert f"error[{code}]" in done.said
    assert f" --> {file}:" in done.said
    assert "Traceback" not in done.said
    assert done.seconds < 4
    assert done.peak < 300_000
