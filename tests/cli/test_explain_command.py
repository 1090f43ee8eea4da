"""`bake explain` after real builds: reasons of misses, where hits came from, what the next build would do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., tuple[int, str, str]]


def explained(line: Call, text: str = "") -> list[dict[str, Any]]:
    code, out, err = line(f"explain {text} --json")
    assert (code, err) == (0, "")
    runs: list[dict[str, Any]] = json.loads(out)["runs"]
    return runs


def whys(run: dict[str, Any]) -> dict[str, Any]:
    """`base/2` → [status, kind of reason, detail]."""
    return {
        f"{step['targets'][0]}/{step['ordinal']}": [step["status"], *((step["why"] or {}).values())]
        for step in run["steps"]
    }


def test_reasons_of_the_last_run_and_where_hits_came_from(line: Call) -> None:
    assert line("base --progress quiet")[0] == 0
    assert line("app --progress quiet")[0] == 0
    Path("main.py").write_text("2")
    assert line("app --set app.args.V=2 --progress quiet")[0] == 0
    (run,) = explained(line)
    assert run["run"] == 3
    assert whys(run) == {
        "base/1": ["cached"],
        "base/2": ["cached"],
        "app/1": ["run", "arg", "V: '1' → '2'"],
        "app/2": ["run", "file", "main.py changed"],
    }
    hits = [step.get("hit") for step in run["steps"]]
    assert [(hit["run"], hit["target"], hit["saved_s"] > 0) for hit in hits[:2]] == [(1, "base", True)] * 2
    assert hits[0]["made"] < run["started"] and hits[2:] == [None, None]
    code, out, err = line("explain app")
    rows = out.splitlines()
    assert (code, err, rows[0].startswith("run 3, started ")) == (0, "", True)
    assert rows[1] == "app  stage 0  linux/amd64"
    assert rows[2].split()[0] == "run" and rows[2].endswith("arg: V: '1' → '2'")
    assert rows[-1] == "2 steps: 2 run"
    assert "  made by run 1 for base in " in line("explain base")[1]


def test_each_target_is_explained_by_its_own_last_run(line: Call) -> None:
    Path("bake.toml").write_text(
        '[group.both]\ntargets = ["one", "two"]\n'
        '[target.one]\ndockerfile-inline = "FROM scratch\\nCOPY main.py /"\n'
        '[target.two]\ndockerfile-inline = "FROM scratch\\nCOPY main.py /two"\n'
    )
    assert line("one --progress quiet")[0] == 0
    assert line("two --progress quiet")[0] == 0
    assert [(run["run"], list(whys(run))) for run in explained(line, "one two")] == [(2, ["two/1"]), (1, ["one/1"])]
    assert [run["run"] for run in explained(line, "both")] == [2, 1]
    assert [run["run"] for run in explained(line)] == [2]


def test_the_next_run(line: Call) -> None:
    assert line("app --progress quiet")[0] == 0
    Path("main.py").write_text("2")
    (run,) = explained(line, "--next app")
    assert (run["run"], whys(run)["app/2"]) == (0, ["run", "file", "main.py changed"])
    code, out, _ = line("explain --next app --set app.args.V=2")
    assert code == 0 and out.startswith("the next build\n")
    assert "  arg: V: '1' → '2'\n" in out and out.endswith("2 steps: 1 run, 1 unknown\n")
    assert whys(explained(line, "--next app:0.2")[0]) == {"app/2": ["run", "file", "main.py changed"]}
    assert whys(explained(line, "--next base --no-cache")[0])["base/1"] == ["run", "no-cache", "asked for"]


def test_a_single_step_shows_what_its_key_is_made_of(line: Call) -> None:
    assert line("app --progress quiet")[0] == 0
    code, out, _ = line("explain app:0.2")
    assert code == 0
    assert "  its key is made of\n" in out and "   file.main.py  " in out
    (run,) = explained(line, "app:0.1")
    (step,) = run["steps"]
    assert step["parts"]["arg.V"] == "1"


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", "not-run", "nothing has been built here yet"),
        ("app", "not-run", "nothing has been built here yet"),
        ("--next app:9", "unknown-step", "there is no step 'app:9'"),
        ("--next nothing", "unknown-target", "`nothing` is no target and no group"),
    ],
)
def test_what_cannot_be_explained(line: Call, text: str, code: str, message: str) -> None:
    exit_code, out, err = line(f"explain {text}")
    assert (exit_code, out) == (2, "")
    assert err.startswith(f"error[{code}]: {message}\n")


def test_what_was_not_built(line: Call) -> None:
    assert line("base --progress quiet")[0] == 0
    assert line("explain app")[2].startswith("error[not-run]: 'app' has not been built yet\n")
    assert line("explain base:build")[2].startswith("error[unknown-step]: there is no step 'base:build'\n")
    assert line("explain base:0.3")[0] == 2


def test_after_repair_the_store_says_evicted(line: Call, tmp_path: Path) -> None:
    assert line("base --progress quiet")[0] == 0
    for path in (tmp_path / "store/layers").glob("*/listing"):
        path.unlink()
    assert line("cache verify --repair")[0] == 0
    assert whys(explained(line, "--next base")[0])["base/1"][:2] == ["run", "evicted"]


def test_the_next_hits_are_told_with_who_made_them(line: Call) -> None:
    assert line("app --progress quiet")[0] == 0
    Path("main.py").write_text("2")
    code, out, _ = line("explain --next --json")
    (run,) = json.loads(out)["runs"]
    hits = {step["instruction"]: step.get("hit") for step in run["steps"]}
    assert code == 0 and hits["COPY main.py /"] is None
    assert (hits["RUN echo base"]["run"], hits["RUN echo base"]["target"]) == (1, "base")
    assert "made by run 1 for base in" in line("explain --next")[1]
