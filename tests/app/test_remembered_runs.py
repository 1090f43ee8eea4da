"""Runs leave their reports in the store; leftovers of dead runs are removed by the next one that works."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import anyio
import pytest
from projects import Project

from bake.app.building import build
from bake.app.history import history, past_run, remember
from bake.errors import HostError, InputError
from bake.events import Event, Report, StepReport
from bake.store import open_store

OK = '[target.app]\ndockerfile-inline = "FROM scratch\\nCOPY a /"\n'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.write("bake.toml", OK)
    made.write("a", "1")
    return made


def outcomes(project: Project) -> list[tuple[int, str]]:
    return [(past.number, past.report.outcome) for past in history(project.options())]


def test_each_run_is_kept_with_its_whole_report(project: Project) -> None:
    reports = [project.build("app").report, project.build("app").report]
    kept = history(project.options())
    assert [past.report for past in kept] == reports[::-1]
    assert {(past.root, past.names) for past in kept} == {(str(project.root), ("app",))}
    assert kept[0].started > kept[1].started
    assert past_run(project.options(), 1).report == reports[0]


def test_failed_and_interrupted_runs_are_kept_too(project: Project) -> None:
    project.write("bake.toml", OK.replace("COPY a", "COPY nothing"))
    project.build("app")
    project.write("bake.toml", OK)

    async def interrupted() -> None:
        with anyio.CancelScope() as scope:

            def stop(_event: Event) -> None:
                scope.cancel()

            await build(project.options("app"), stop)

    anyio.run(interrupted)
    assert outcomes(project) == [(2, "cancelled"), (1, "failed")]


def test_what_is_wrong_before_anything_runs_is_no_run(project: Project) -> None:
    with pytest.raises(InputError):
        project.build("nothing")
    assert outcomes(project) == []


def test_only_the_runs_of_this_directory_unless_all_are_asked_for(project: Project, tmp_path: Path) -> None:
    other = Project(tmp_path / "other")
    other.store = project.store
    other.write("bake.toml", OK)
    other.write("a", "1")
    project.build("app")
    other.build("app")
    assert outcomes(other) == [(2, "ok")]
    assert len(history(other.options(), everywhere=True)) == 2
    (other.root / "bake.toml").unlink()
    assert len(history(other.options())) == 2, "where no spec is, all are shown"
    assert len(history(other.options(), most=1)) == 1


def test_an_unknown_run_is_an_error(project: Project) -> None:
    with pytest.raises(InputError, match="no run 7"):
        past_run(project.options(), 7)
    with pytest.raises(InputError, match=r"no file other\.toml"):
        history(project.options(file="other.toml"))


def test_names_that_are_no_utf8_come_back(tmp_path: Path) -> None:
    step = StepReport(id="x", targets=("a",), platform="p", stage="s", ordinal=1, instruction="\udcff", status="run")
    report = Report(outcome="ok", exit_code=0, engine="embedded", duration_s=0.0, steps=(step,))
    store = open_store(tmp_path / "store")
    assert remember(store, "/x", (), 1.0, report) == []
    store.close()
    environment = {"BAKE_STORE": str(tmp_path / "store")}
    options = Project(tmp_path).options()
    (past,) = history(type(options)(directory=str(tmp_path), environment=environment))
    assert past.report == report


def test_a_run_in_a_form_of_another_version_is_passed_over(project: Project) -> None:
    project.build("app")
    with sqlite3.connect(project.store / "index.db") as connection:
        (data,) = connection.execute("SELECT report FROM runs").fetchone()
        connection.execute("UPDATE runs SET report = ?", (b"x\x9c\x03\x00\x00\x00\x00\x01",))
    assert data and outcomes(project) == []
    project.build("app")
    assert outcomes(project) == [(2, "ok")]


def test_that_a_run_cannot_be_kept_is_a_warning(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise HostError([])

    monkeypatch.setattr("bake.store.history.Runs.add", full)
    result = project.build("app")
    assert (result.report.outcome, result.errors) == ("ok", ())
    assert [found.code for found in result.report.diagnostics] == ["not-remembered"]


def test_leftovers_are_removed_by_the_next_run_that_runs_a_step(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root, opening the store removes them itself, so the store is told that it could not."""
    project.build("app")
    left = project.store / "leftover"
    (left / "fs").mkdir(parents=True)
    monkeypatch.setattr("bake.store.open.DiskStore.leftovers", lambda _store: (left,))
    assert [step.status for step in project.build("app").report.steps] == ["cached"]
    assert left.exists(), "nothing is started for that"
    project.write("a", "2")
    assert [step.status for step in project.build("app").report.steps] == ["run"]
    assert not left.exists()
