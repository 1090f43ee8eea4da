"""What the sandbox of a host cannot do is said once a run, and only in a run that uses it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anyio
from projects import Project

from bake.app.building import build
from bake.events import DiagnosticFound, Event

TEXT = "FROM scratch\nCOPY busybox /bin/busybox\n"


def warnings(project: Project, sandbox: str) -> list[str]:
    events: list[Event] = []
    options = project.options()
    options = replace(options, environment={**options.environment, "BAKE_SANDBOX": sandbox})
    assert anyio.run(build, options, events.append).errors == ()
    found = (event.diagnostic for event in events if isinstance(event, DiagnosticFound))
    return [diagnostic.message for diagnostic in found if diagnostic.code == "reduced-sandbox"]


def test_it_is_said_once_where_it_holds(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add_busybox()
    runs = "".join(f'RUN ["/bin/busybox", "echo", "{n}"]\n' for n in range(3))
    project.write("bake.toml", f"[target.app]\ndockerfile-inline = '''\n{TEXT}'''\n")
    assert warnings(project, "bubblewrap") == []
    project.write("bake.toml", f"[target.app]\ndockerfile-inline = '''\n{TEXT}{runs}'''\n")
    (said,) = warnings(project, "bubblewrap")
    assert said.startswith("RUN steps get less here than they may expect (bubblewrap): ")
    assert "no filter of system calls" in said
    assert warnings(project, "bubblewrap") == []  # all steps are cached


def test_a_full_sandbox_says_nothing(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add_busybox()
    project.write("bake.toml", f'[target.app]\ndockerfile-inline = """\n{TEXT}RUN ["/bin/busybox", "true"]\n"""\n')
    assert warnings(project, "runc") == []
