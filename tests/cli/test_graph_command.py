"""`bake graph` of a spec with Dockerfiles, without a registry."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

Call = Callable[..., tuple[int, str, str]]


def test_graph(line: Call) -> None:
    assert line("graph") == (0, "app\n└── base\n", "")
    assert line("graph base") == (0, "base\n", "")
    code, out, _ = line("graph app --format json")
    assert (code, json.loads(out)["targets"]["app"]) == (0, {"builds_on": ["base"], "after": []})
    for format in ("mermaid", "dot", "svg"):
        code, out, err = line(f"graph --format {format}")
        assert (code, err) == (0, "") and "base" in out
    assert not Path("../store").exists(), "nothing is opened for it"


def test_dockerfiles_on_disk_and_registries_that_are_not_there(line: Call) -> None:
    Path("bake.toml").write_text(
        '[target.app]\n[target.tools]\ntags = ["localhost:1/tools:1"]\ndockerfile = "tools.Dockerfile"\n'
    )
    Path("Dockerfile").write_text("FROM localhost:1/far\nCOPY --from=localhost:1/tools:1 /a /b\n")
    Path("tools.Dockerfile").write_text("FROM localhost:1/far\n")
    assert line("graph") == (0, "app\n└── tools\n", "")


def test_a_dockerfile_that_cannot_be_read_is_a_warning(line: Call) -> None:
    Path("bake.toml").write_text('[target.app]\nafter = ["base"]\n[target.base]\ndockerfile-inline = "FROM scratch"\n')
    code, out, err = line("graph")
    assert (code, out) == (0, "app\n└── base  (only after it)\n")
    assert err.startswith("warning[") and "Dockerfile" in err


def test_wrong_names(line: Call) -> None:
    code, out, err = line("graph nothing")
    assert (code, out) == (2, "") and err.startswith("error[unknown-target]")
    assert line("graph --format png")[0] == 2
