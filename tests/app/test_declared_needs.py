"""`weight` and `resources` are seen in how many steps run at once; told from the order of events, not from times."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import Project

from bake.events import StepFinished, StepStarted

SPEC = """\
[defaults]
context = "."
dockerfile-inline = '''
FROM scratch
COPY busybox /busybox
ARG N
RUN ["/busybox", "sh", "-c", "/busybox echo $N >/n; /busybox sleep 0.3"]
'''
[target.t]
matrix.n = ["1", "2", "3", "4"]
args = { N = "${n}" }
"""


def most_at_once(directory: Path, more: str, jobs: int) -> int:
    project = Project(directory)
    project.add_busybox()
    project.write("bake.toml", SPEC + more)
    assert not project.build("t", jobs=jobs).errors
    running: set[str] = set()
    most = 0
    for event in project.events:
        if isinstance(event, StepStarted) and event.step.instruction.startswith("RUN"):
            running.add(event.step.id)
        elif isinstance(event, StepFinished):
            running.discard(event.step.id)
        most = max(most, len(running))
    return most


@pytest.mark.parametrize(
    ("more", "jobs", "expected"),
    [
        ("", 4, 4),
        ("", 1, 1),
        ("weight = 2", 4, 2),
        ("weight = 4", 4, 1),
        ("weight = 100", 4, 1),
        ("weight = 0.5", 2, 4),
        ('resources = { memory = "900t" }', 4, 1),
        ("resources = { cpu-quota = 100000000 }", 4, 1),
        ('resources = { memory = "1k" }', 4, 4),
    ],
)
def test_steps_at_once(tmp_path: Path, more: str, jobs: int, expected: int) -> None:
    assert most_at_once(tmp_path, more, jobs) == expected
