"""What is said of a stage's first step, when what the stage is FROM has changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import Project

BASE = """
FROM scratch AS deps
COPY busybox /bin/busybox
COPY a /a
FROM {base} AS final
RUN ["/bin/busybox", "touch", "/b"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.add_busybox()
    made.write("a", "1")
    made.write("Dockerfile", BASE.format(base="deps"))
    made.write("bake.toml", '[target.base]\ntarget = "deps"\n[target.app]\ncontexts.below = "target:base"\n')
    return made


def told(project: Project) -> str:
    """Why the RUN was not cached."""
    result = project.build("app")
    assert result.errors == ()
    (why,) = [step.why for step in result.report.steps if "RUN" in step.instruction]
    assert why is not None and why.kind == "base"
    return why.detail


def test_a_stage(project: Project) -> None:
    project.build("app")
    project.write("a", "2")
    assert told(project) == "stage deps, which it is FROM, has a new result"


def test_a_target(project: Project) -> None:
    project.write("Dockerfile", BASE.format(base="below"))
    project.build("app")
    project.write("a", "2")
    assert told(project) == "target base, which it is FROM, has a new result"


def test_another_base(project: Project) -> None:
    project.build("app")
    project.write(
        "Dockerfile",
        BASE.format(base="deps")
        .replace("COPY a", "FROM deps AS more\nCOPY a", 1)
        .replace("FROM deps AS final", "FROM more AS final"),
    )
    project.write("a", "2")
    assert told(project) == "it is now FROM stage more, before stage deps"


def test_a_stage_on_the_build_platform_is_explained_for_each_image(project: Project) -> None:
    project.write(
        "Dockerfile",
        """
FROM --platform=$BUILDPLATFORM scratch AS deps
COPY busybox /bin/busybox
ARG TARGETARCH
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox cat /bin/busybox > /$TARGETARCH"]
COPY a /a
FROM scratch
COPY --from=deps /a /
""",
    )
    project.write("bake.toml", '[target.app]\nplatforms = ["linux/amd64", "linux/arm64"]\n')
    project.build("app")
    project.write("a", "2")
    found = [step for step in project.build("app").report.steps if step.instruction == "COPY a /a"]
    assert {(step.platform, step.target_platform) for step in found} == {
        ("linux/amd64", ""), ("linux/amd64", "linux/arm64"),
    }  # fmt: skip
    assert [step.why.detail for step in found if step.why] == ["a changed"] * 2
