"""`bake history` after real runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

Call = Callable[..., tuple[int, str, str]]


def test_history_lists_the_runs_and_tells_one_again(line: Call) -> None:
    assert line("history") == (0, "no run is kept yet\n", "")
    assert line("app --progress quiet")[0] == 0
    Path("main.py").write_text("2")
    assert line("app --progress quiet")[0] == 0
    code, out, err = line("history")
    rows = [re.split(r" {2,}", row.strip()) for row in out.splitlines()]
    assert (code, err) == (0, "")
    assert [(row[0], row[2], *row[4:]) for row in rows] == [
        ("RUN", "OUTCOME", "STEPS", "TARGETS"),
        ("2", "ok", "3 cached, 1 run", "app"),
        ("1", "ok", "4 run", "app"),
    ]
    assert len(line("history -n 1")[1].splitlines()) == 2
    code, out, err = line("history 2")
    lines = out.splitlines()
    assert (code, err, lines[0].startswith("run 2, started ")) == (0, "", True)
    assert lines[2:4] == ["[base 0 1] COPY root /  CACHED", "[base 0 2] RUN echo base  CACHED"]
    assert lines[5].startswith("[app 0 2] COPY main.py /  DONE") and lines[5].endswith("(main.py changed)")
    assert lines[-1].startswith("done in ")


def test_history_as_json(line: Call) -> None:
    _, printed, _ = line("app --progress quiet --json")
    code, out, _ = line("history --json")
    (run,) = json.loads(out)["runs"]
    assert (code, run["run"], run["outcome"], run["steps"]) == (0, 1, "ok", {"run": 4})
    assert (run["directory"], run["targets"]) == ("TMP/project", {"app": "built"})
    code, out, _ = line("history 1 --json")
    found = json.loads(out)
    assert (found.pop("run"), found.pop("directory"), found.pop("started") > 0) == (1, "TMP/project", True)
    assert found == json.loads(printed)


def test_a_failed_run_is_told_with_its_step(line: Call) -> None:
    assert line("base --set base.no-cache=true --progress quiet")[0] == 0
    Path("bake.toml").write_text(Path("bake.toml").read_text().replace("echo base", "false"))
    assert line("base --progress quiet")[0] == 1
    code, out, _ = line("history 2")
    assert code == 0
    assert "[base 0 2] RUN false  FAILED" in out
    assert "\nfailed after " in out


def test_what_made_a_run_fail_is_kept_with_it(line: Call) -> None:
    Path("main.py").unlink()
    code, printed, _ = line("app --progress quiet --json")
    assert code == 1
    kept = json.loads(line("history 1 --json")[1])
    assert {name: kept[name] for name in json.loads(printed)} == json.loads(printed)
    assert [found["code"] for found in kept["diagnostics"]] == ["missing-source"]
    out = line("history 1")[1]
    assert out.count("error[missing-source]") == 1 and " --> app:dockerfile-inline:4:6\n" in out


def test_an_unknown_run(line: Call) -> None:
    code, out, err = line("history 5")
    assert (code, out) == (2, "") and err.startswith("error[unknown-run]: there is no run 5")
    assert line("history x")[0] == 2


def test_logs_and_reports_of_a_run_are_kept(line: Call) -> None:
    assert line("app --progress quiet")[0] == 0
    assert "\nbase | base\n" not in line("history 1")[1]
    assert "\nbase | base\n" in line("history 1 --logs")[1]
    assert line("history 1 --report r.html --report r.md --report r.json") == (0, "", "")
    assert "RUN echo base" in Path("r.html").read_text() and "RUN echo base" in Path("r.md").read_text()
    assert json.loads(Path("r.json").read_text())["outcome"] == "ok"
    assert line("history --logs")[0] == 2
    Path("dir.md").mkdir()
    assert line("history 1 --report dir.md")[0] == 2


def test_what_failed_is_tried_again(line: Call) -> None:
    assert line("build --retry-failed")[0] == 2
    assert line("all --progress quiet")[0] == 0
    assert line("build --retry-failed") == (0, "", "the last run built everything\n")
    spec = Path("bake.toml").read_text()
    Path("bake.toml").write_text(spec.replace("RUN echo $V", "RUN false"))
    assert line("all --progress quiet --keep-going")[0] == 1
    Path("bake.toml").write_text(spec)
    code, out, _ = line("build --retry-failed --progress quiet --json")
    assert (code, list(json.loads(out)["targets"])) == (0, ["app"])
    assert line("build app --retry-failed")[0] == 2
