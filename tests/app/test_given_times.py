"""Times that a step or an archive gives to files are its own image's; when a file was written counts for nothing."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from projects import Project, statuses

BASE = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
OLD = "2001-02-03 04:05:06"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.add_busybox()
    return made


def write(project: Project, **texts: str) -> None:
    rows = [f"[target.base]\ndockerfile-inline = '''\n{BASE}'''\n"]
    for name, text in texts.items():
        contexts = "contexts = { base = 'target:base' }\n"
        output = f"output = [{{ type = 'oci', dest = '{name}.tar' }}]\n"
        rows.append(f"[target.{name}]\n{contexts}{output}dockerfile-inline = '''\nFROM base\n{text}\n'''\n")
    project.write("bake.toml", "".join(rows))


def times(project: Project, name: str, path: str) -> int:
    """The time of a file in the last layer of what was written that has it."""
    with tarfile.open(project.root / f"{name}.tar") as archive:
        found = None
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            data = file.read() if file is not None else b""
            if data.startswith(b"\x1f\x8b"):
                with tarfile.open(fileobj=io.BytesIO(data)) as layer:
                    found = next((m.mtime for m in layer if m.name == path), found)
        assert found is not None
        return int(found)


def test_two_steps_that_differ_only_in_the_times_they_give(project: Project) -> None:
    write(
        project,
        one=f"RUN echo x > /f && touch -d '{OLD}' /f",
        two="RUN echo x > /f && touch -d '2011-02-03 04:05:06' /f",
        three="RUN echo x > /f",
    )
    for names in (("three",), ("one",), ("two",)):
        assert project.build(*names).errors == ()
    assert times(project, "one", "f") == 981173106
    assert times(project, "two", "f") == 1296705906
    assert times(project, "three", "f") > 1_600_000_000


def test_archives_that_differ_only_in_their_times(project: Project) -> None:
    for name, time in (("a", 1000), ("b", 2000)):
        with tarfile.open(project.root / f"{name}.tar", "w") as archive:
            info = tarfile.TarInfo("f")
            info.mtime = time
            archive.addfile(info)
    write(project, one="ADD a.tar /o/", two="ADD b.tar /o/")
    assert project.build("one", "two").errors == ()
    assert (times(project, "one", "o/f"), times(project, "two", "o/f")) == (1000, 2000)


def test_a_step_that_runs_again_and_gives_the_same_time_comes_to_the_same(project: Project) -> None:
    write(project, one=f"RUN echo x > /f && touch -d '{OLD}' /f\nRUN cat /f")
    project.build("one")
    write(project, one=f"RUN echo x > /f; touch -d '{OLD}' /f\nRUN cat /f")
    assert list(statuses(project.build("one").report.steps).values())[-2:] == ["run", "cached"]


def test_when_a_file_was_written_counts_for_nothing(project: Project) -> None:
    write(project, one="RUN echo x > /f; touch /bin/busybox\nRUN cat /f")
    project.build("one")
    write(project, one="RUN sleep 0.01; echo x > /f; touch /bin/busybox\nRUN cat /f")
    assert list(statuses(project.build("one").report.steps).values())[-2:] == ["run", "cached"]


def test_who_copies_a_file_sees_no_time(project: Project) -> None:
    text = "RUN echo x > /f && touch -d '{}' /f\nFROM base\nCOPY --from=0 /f /g\nRUN cat /g"
    write(project, one=text.format(OLD))
    project.build("one")
    write(project, one=text.format("2011-02-03 04:05:06"))
    assert list(statuses(project.build("one").report.steps).values())[-3:] == ["run", "cached", "cached"]
