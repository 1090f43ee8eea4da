"""A step that fails is told at the word that is wrong, with the nearest name that would be right."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import Project

from bake.errors import BakeError, Diagnostic

FILES = {
    "main.py": "",
    "README.md": "",
    "src/app/server.py": "",
    "out/x": "",
    "b.tar": "no archive",
    "d/f": "",
    "f": "",
}
BASE = "FROM scratch AS made\nADD f /etc/file\nCOPY src /src\nFROM scratch\n"
FAILURES = {
    # the last instruction, what is marked of it, the code, a part of the hint
    "COPY main.pi /x": ("main.pi", "missing-source", "did you mean main.py?"),
    "COPY /x readme.md main.py /x/": ("/x", "missing-source", "relative to the context"),
    "COPY main.py readme.md README.md /x/": ("readme.md", "missing-source", "did you mean README.md?"),
    "COPY ./server.py /x": ("./server.py", "missing-source", "did you mean src/app/server.py?"),
    "COPY src/ap/server.py /x": ("src/ap/server.py", "missing-source", "did you mean src/app/server.py?"),
    'COPY ["main.py", "main.pz", "/x/"]': ("main.pz", "missing-source", "did you mean main.py?"),
    "COPY main.py \\\n  main.pyc \\\n  /x/": ("main.pyc", "missing-source", "did you mean main.py?"),
    "COPY out/x /x": ("out/x", "missing-source", "the ignore file leaves it out"),
    "COPY --from=made /etc/fil /x": ("/etc/fil", "missing-source", "did you mean etc/file?"),
    "COPY --from=made /nowhere /x": ("/nowhere", "missing-source", "the stage or image"),
    "COPY --parents src/./app/serve /x/": ("src/./app/serve", "missing-source", "did you mean src/app/server.py?"),
    "COPY --link --chown=1:1 x main.py /x/": ("x", "missing-source", "relative to the context"),
    "ADD b.tar nothing /x/": ("nothing", "missing-source", "relative to the context"),
    "RUN --mount=target=/m,source=main.pi true": ("source=main.pi", "missing-source", "did you mean main.py?"),
    "RUN --mount=from=made,src=/sr,target=/m true": ("src=/sr", "missing-source", "did you mean src?"),
    "RUN --mount=type=secret,id=a,required true": ("id=a", "missing-secret", 'id = "a"'),
    "RUN --mount=type=ssh,id=key,required true": ("id=key", "missing-ssh", "ssh-agent"),
    "COPY --from=made /etc/file /f\nCOPY d /f": ("/f", "bad-copy", ""),
    "ADD http://localhost:1/x /y": ("http://localhost:1/x", "unreachable", "check the URL"),
    "ADD http://localhost:1/x.git /y": ("http://localhost:1/x.git", "unreachable", "check the URL"),
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    for name, text in FILES.items():
        project.write(name, text)
    project.write(".dockerignore", "out\n")
    project.write("bake.toml", "[target.app]\n")
    return project


def failure(project: Project, text: str) -> Diagnostic:
    project.write("Dockerfile", text)
    try:
        errors = project.build("app").errors
    except BakeError as error:
        errors = (error,)
    (found,) = [diagnostic for error in errors for diagnostic in error.diagnostics]
    return found


def marked(found: Diagnostic) -> str:
    span = found.span
    assert span is not None and span.line == span.end_line and span.source.name == "Dockerfile"
    return span.source.line(span.line)[span.column - 1 : span.end_column - 1]


@pytest.mark.parametrize("text", FAILURES)
def test_a_failure_is_told_with_place_and_remedy(project: Project, text: str) -> None:
    found = failure(project, BASE + text)
    place, code, hint = FAILURES[text]
    assert (marked(found), found.code) == (place, code)
    assert hint in (found.hint or "")


def test_a_trigger_is_told_at_the_base_that_brings_it(project: Project) -> None:
    found = failure(project, "FROM scratch AS parent\nONBUILD COPY main.pi /x\nFROM parent\nLABEL a=b\n")
    assert (marked(found), found.code, found.hint) == ("parent", "missing-source", "did you mean main.py?")


def test_an_ignore_file_is_told_at_the_line_that_is_wrong(project: Project) -> None:
    project.write(".dockerignore", "# all\nout\n![a-\n")
    found = failure(project, "FROM scratch\nCOPY main.py /\n")
    assert str(found.span) == ".dockerignore:3:1" and found.code == "bad-ignore-pattern"
