"""`bake plan` decides what `bake build` then does: over random edits, with the real store and the real engine."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from projects import Project, statuses

SPEC = """
[variable]
V = "1"

[target.base]
tags = ["localhost:1/base"]
dockerfile-inline = '''
FROM scratch
COPY busybox /bin/busybox
COPY lib /lib
'''

[target.app]
args = { V = "${V}" }
dockerfile-inline = '''
FROM localhost:1/base
WORKDIR /app
ARG V
RUN ["/bin/busybox", "sh", "-c", "echo $V > /v"]
COPY src/ .
'''

[target.other]
dockerfile-inline = '''
FROM localhost:1/base AS made
COPY src/a.txt /a
RUN ["/bin/busybox", "sh", "-c", "cat /a > /b"]
FROM scratch
COPY --from=made /b /b
COPY --link note.txt /
'''
"""


def edit(project: Project, chance: random.Random) -> dict[str, object]:
    """One random edit; returns what the build is asked differently."""
    kind = chance.choice(["file", "touch", "new", "remove", "variable", "note", "mode", "lib", "same", "no-cache"])
    if kind in ("file", "mode"):
        path = project.root / "src/a.txt"
        if kind == "file":
            path.write_text(f"{chance.randrange(3)}")
        else:
            path.chmod(chance.choice([0o644, 0o755]))
    elif kind == "touch":
        (project.root / "src/b.txt").touch()
    elif kind == "new":
        project.write(f"src/{chance.choice('xyz')}.txt", "new")
    elif kind == "remove":
        (project.root / f"src/{chance.choice('xyz')}.txt").unlink(missing_ok=True)
    elif kind == "note":
        project.write("note.txt", f"{chance.randrange(2)}")
    elif kind == "lib":
        project.write("lib/l.txt", f"{chance.randrange(2)}")
    return {
        "vars": {"V": str(chance.randrange(3))} if kind == "variable" else {},
        "no_cache": kind == "no-cache",
    }


@pytest.mark.parametrize("seed", range(4))
def test_plan_never_differs_from_the_build(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    project = Project(tmp_path)
    project.add_busybox()
    project.write("bake.toml", SPEC)
    for name in ("src/a.txt", "src/b.txt", "lib/l.txt", "note.txt"):
        project.write(name, "0")
    for round in range(9):
        changes: dict[str, object] = edit(project, chance) if round else {}
        predicted = statuses(project.plan(**changes))
        result = project.build(**changes)
        assert result.errors == ()
        done = statuses(result.report.steps)
        assert predicted.keys() == done.keys()
        wrong = {at: (said, done[at]) for at, said in predicted.items() if said not in ("unknown", done[at])}
        assert wrong == {}
        assert set(done.values()) <= {"cached", "run"}
    assert set(statuses(project.plan()).values()) == {"cached"}
