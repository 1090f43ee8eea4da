"""`bake plan`, `bake list` and `bake inspect` as text."""

from __future__ import annotations

import json

from inline_snapshot import snapshot
from recorded_events import COPY, FILE, MAKE, PIP, USER, finished

from bake.render.image import image_text
from bake.render.listing import listing_json, listing_text
from bake.render.plan import plan_table
from bake.render.width import cells
from bake.spec.listing import GroupRow, Listing, TargetRow, VariableRow

STEPS = [
    finished(step, status, why=why).step
    for step, status, why in (
        (PIP, "cached", None), (COPY, "run", FILE), (MAKE, "unknown", None), (USER, "cached", None),
    )
]  # fmt: skip

LISTING = Listing(
    (
        TargetRow("main-3.11", "main", {"python": "3.11", "distro": "slim"}, "the service"),
        TargetRow("hello", "hello", {}, ""),
    ),
    (GroupRow("default", ("hello", "main"), ""),),
    (
        VariableRow("REGISTRY", "localhost:5000", "default", "", False, False, "where to", "bake.toml"),
        VariableRow("TOKEN", None, "", "TOKEN", True, True, "", "bake.toml"),
    ),
    ("release",),
)


def test_plan() -> None:
    assert plan_table(STEPS) == snapshot("""\
app  stage build  linux/amd64
   cached      1  RUN pip install fastapi  Dockerfile:2
   cached      4  USER app                 Dockerfile:5
app, web, worker  stage build  linux/amd64
   run         2  COPY . /src              Dockerfile:3  main.py changed
web  stage build  linux/amd64
   unknown     3  RUN make -j4 all         Dockerfile:4  waits on a step that will run
4 steps: 2 cached, 1 run, 1 unknown
""")


def test_plan_on_a_narrow_terminal() -> None:
    text = plan_table(STEPS, 40)
    assert text == snapshot("""\
app  stage build  linux/amd64
   cached      1  RUN pip i…
   cached      4  USER app
app, web, wor…  stage build  linux/amd64
   run         2  COPY . /s…  main.py c…
web  stage build  linux/amd64
   unknown     3  RUN make…   waits on…
4 steps: 2 cached, 1 run, 1 unknown
""")
    assert all(cells(line) <= 40 for line in text.splitlines())


def test_plan_of_nothing() -> None:
    assert plan_table([]) == "0 steps\n"


def test_listing() -> None:
    assert listing_text(LISTING) == snapshot("""\
TARGET     MATRIX
main-3.11  python=3.11, distro=slim  the service
hello

GROUP    MEMBERS
default  hello, main

VARIABLE  VALUE                  FROM
REGISTRY  localhost:5000         default  where to
TOKEN     (required; set TOKEN)

profiles: release
""")
    assert json.loads(listing_json(LISTING))["targets"][0] == snapshot(
        {
            "name": "main-3.11",
            "base": "main",
            "axes": {"python": "3.11", "distro": "slim"},
            "description": "the service",
        }
    )


def test_image() -> None:
    run = {
        "Cmd": ["python", "-m", "x"],
        "Env": ["PATH=/bin"],
        "Labels": {"b": "2\x1b[2J", "a": "1"},
        "ExposedPorts": {"80/tcp": {}},
    }
    layers = [{"digest": "sha256:1", "size": 3_400_000, "created_by": "RUN make"}, {"digest": "sha256:2", "size": 12}]
    found = {
        "name": "main:1", "digest": "sha256:9", "annotations": {"a": "b\x1b"},
        "platforms": {"linux/amd64": {"config": {"config": run}, "layers": layers, "annotations": {"c": "d"}}},
    }  # fmt: skip
    assert image_text(found) == snapshot("""\
main:1
digest: sha256:9
ANNOTATION a=b

linux/amd64
  Cmd: ["python", "-m", "x"]
  ExposedPorts: 80/tcp
  ENV PATH=/bin
  LABEL a=1
  LABEL b=2
  ANNOTATION c=d
LAYER    SIZE  DIGEST    CREATED BY
1      3.4 MB  sha256:1  RUN make
2        12 B  sha256:2
""")
