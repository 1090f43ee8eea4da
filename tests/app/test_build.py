"""Builds of small projects: sharing, reasons, early cutoff, failures, secrets."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from projects import Project, reasons, statuses

from bake.errors import InputError, StepError, StepFailed
from bake.events import StepProgress, StepStarted

SH = '["/bin/busybox", "sh", "-c", "{}"]'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.add_busybox()
    return made


def inline(**targets: str) -> str:
    return "".join(f"[target.{name}]\ndockerfile-inline = '''\n{text}\n'''\n" for name, text in targets.items())


def run(command: str) -> str:
    return "RUN " + SH.format(command)


BASE = "FROM scratch\nCOPY busybox /bin/busybox\n"


def test_a_step_that_many_targets_need_runs_once(project: Project) -> None:
    project.write("bake.toml", inline(**{f"t{n}": f"{BASE}{run('echo shared')}\nWORKDIR /w{n}" for n in range(6)}))
    result = project.build("all")
    started = [event.step.instruction for event in project.events if isinstance(event, StepStarted)]
    assert result.errors == ()
    assert len([name for name in started if "shared" in name]) == 1
    assert len([name for name in started if name.startswith("COPY")]) == 1
    assert all(report.status == "built" for report in result.report.targets.values())
    assert {r.status for r in project.build("all").report.targets.values()} == {"unchanged"}


def test_the_reason_of_a_miss_names_the_file_and_the_argument(project: Project) -> None:
    text = f"{BASE}ARG V=1\n{run('echo $V')}\nCOPY main.py other.py /app/"
    project.write("bake.toml", inline(app=text))
    project.write("main.py", "1")
    project.write("other.py", "1")
    project.build()
    project.write("main.py", "2")
    steps = project.build().report.steps
    assert [step.status for step in steps] == ["cached", "cached", "run"]
    assert list(reasons(steps).values()) == [("file", "main.py changed")]
    steps = project.build(sets=("app.args.V=2",)).report.steps
    assert next(iter(reasons(steps).values())) == ("arg", "V: '1' → '2'")


def test_a_step_that_comes_to_the_same_leaves_the_rest_cached(project: Project) -> None:
    text = f"{BASE}COPY a /a\n{run('echo always > /same')}\n{run('echo after > /after')}"
    project.write("bake.toml", inline(app=text))
    project.write("a", "1")
    project.build()
    project.write("a", "2")
    assert list(statuses(project.build().report.steps).values()) == ["cached", "run", "run", "run"]
    # What RUN makes does not depend on /a, but its parent does; going back finds everything again.
    project.write("a", "1")
    assert set(statuses(project.build().report.steps).values()) == {"cached"}
    forced = project.build(no_cache=True).report
    assert set(statuses(forced.steps).values()) == {"run"}
    assert forced.targets["app"].status == "built"
    assert set(statuses(project.build().report.steps).values()) == {"cached"}


def test_touching_files_changes_nothing(project: Project) -> None:
    project.write("bake.toml", inline(app=f"{BASE}COPY a /a"))
    project.write("a", "1")
    project.build()
    (project.root / "a").touch()
    (project.root / "busybox").touch()
    assert set(statuses(project.build().report.steps).values()) == {"cached"}


def test_a_failing_step_names_itself_and_stops_what_needs_it(project: Project) -> None:
    bad = f"{BASE}{run('echo oops >&2; exit 3')}\nWORKDIR /after"
    project.write("bake.toml", inline(bad=bad, good=f"{BASE}{run('sleep 0.2; echo ok')}\nWORKDIR /x"))
    result = project.build("all", keep_going=True)
    (error,) = result.errors
    assert isinstance(error, StepFailed)
    assert error.exit_code_of_step == 3
    assert result.report.exit_code == 1
    assert result.report.outcome == "failed"
    assert {name: t.status for name, t in result.report.targets.items()} == {"bad": "failed", "good": "built"}
    failed = next(step for step in result.report.steps if step.status == "failed")
    assert (failed.exit_code, failed.at) == (3, "bad:dockerfile-inline:3")


def test_without_keep_going_the_others_are_cancelled(project: Project) -> None:
    project.write("bake.toml", inline(bad=f"{BASE}{run('sleep 0.3; exit 1')}", slow=f"{BASE}{run('sleep 30')}"))
    result = project.build("all", jobs=4)
    assert {name: t.status for name, t in result.report.targets.items()} == {"bad": "failed", "slow": "cancelled"}
    assert result.report.duration_s < 20


def test_a_missing_source_is_an_error_of_its_line(project: Project) -> None:
    project.write("bake.toml", inline(app="FROM scratch\nCOPY nothing /x"))
    (error,) = project.build().errors
    assert isinstance(error, StepError)
    (diagnostic,) = error.diagnostics
    assert '"/nothing": not found' in diagnostic.message
    assert diagnostic.span is not None
    assert diagnostic.span.line == 2


def with_secret(command: str) -> str:
    return f"{BASE}RUN --mount=type=secret,id=token {SH.format(command)}"


def test_secrets_reach_the_step_and_nothing_else(project: Project) -> None:
    value = "hush-" + "5f3a"
    text = with_secret("/bin/busybox sha256sum /run/secrets/token > /seen")
    project.write("bake.toml", inline(app=text) + 'secret = [{ id = "token", src = "../token.txt" }]\n')
    (project.root.parent / "token.txt").write_text(value)
    result = project.build()
    assert result.errors == ()
    kept = [p for p in project.store.rglob("*") if p.is_file() and value.encode() in p.read_bytes()]
    assert kept == []
    assert value not in repr(project.events)
    (seen,) = project.store.glob("layers/*/fs/seen")
    assert seen.read_text().startswith(sha256(value.encode()).hexdigest())
    (project.root.parent / "token.txt").write_text("other")
    assert set(statuses(project.build().report.steps).values()) == {"cached"}


def test_a_secret_without_a_source_is_refused_unless_it_may_be(project: Project) -> None:
    text = with_secret("/bin/busybox test ! -e /run/secrets/token")
    project.write("bake.toml", inline(app=text) + 'secret = [{ id = "token", src = "", required = false }]\n')
    assert project.build().errors == ()
    project.write("bake.toml", inline(app=text) + 'secret = [{ id = "token", src = "no-such" }]\n')
    (error,) = project.build(no_cache=True).errors
    assert isinstance(error, InputError)
    assert "there is no file no-such" in str(error)


def test_after_orders_without_linking(project: Project) -> None:
    spec = inline(late=f"{BASE}WORKDIR /late") + 'after = ["early"]\n' + inline(early=f"{BASE}{run('sleep 0.3')}")
    project.write("bake.toml", spec)
    result = project.build("late")
    assert set(result.report.targets) == {"late"}
    ends = {step.instruction: step.started_s + step.duration_s for step in result.report.steps}
    started = {step.instruction: step.started_s for step in result.report.steps}
    sleep = next(name for name in ends if "sleep" in name)
    assert started["WORKDIR /late"] >= ends[sleep]


def test_a_layer_linked_twice_is_there_once_for_the_kernel(project: Project) -> None:
    text = f"{BASE}COPY --link a /a\n{run('echo 1 > /a')}\nCOPY --link a /a\n{run('cp /a /seen')}"
    project.write("bake.toml", inline(app=text))
    project.write("a", "linked")
    assert project.build().errors == ()
    (seen,) = project.store.glob("layers/*/fs/seen")
    assert seen.read_text() == "linked"


def test_a_failing_step_is_tried_again_as_often_as_allowed(project: Project) -> None:
    command = "test -e /var/cache/done || { touch /var/cache/done; exit 9; }"
    text = f"{BASE}RUN --mount=type=cache,target=/var/cache {SH.format(command)}"
    project.write("bake.toml", inline(app=text.replace("touch", "/bin/busybox touch")) + "retries = 1\n")
    result = project.build()
    assert result.errors == ()
    progress = [event.text for event in project.events if isinstance(event, StepProgress)]
    assert any("trying again, 1 try left" in line for line in progress)


def test_order_that_contradicts_a_base_is_a_circle(project: Project) -> None:
    base = inline(base=BASE) + 'tags = ["localhost:1/base"]\nafter = ["app"]\n'
    project.write("bake.toml", base + inline(app="FROM localhost:1/base\nWORKDIR /x"))
    with pytest.raises(InputError, match=r"circle: (app → base → app|base → app → base)"):
        project.build("all")


def test_a_failure_is_placed_in_its_dockerfile(project: Project) -> None:
    project.write("bake.toml", inline(app=f"{BASE}{run('exit 4')}"))
    (error,) = project.build().errors
    (diagnostic,) = error.diagnostics
    assert str(diagnostic.span) == "app:dockerfile-inline:3:1"


def test_tests_run_in_the_image_and_are_cached_with_it(project: Project) -> None:
    text = f"{BASE}ENV WORD=hello\nWORKDIR /here"
    test = "test $WORD = hello && test $(pwd) = /here"
    project.write("bake.toml", inline(app=text) + f'test = [["/bin/busybox", "sh", "-c", "{test}"]]\n')
    first, again = project.build(), project.build()
    assert [step.status for step in first.report.steps] == ["run", "run", "run"]
    assert first.report.steps[-1].stage == "test"
    assert {step.status for step in again.report.steps} == {"cached"}


def test_a_failing_test_fails_the_target_and_stops_its_publication(project: Project) -> None:
    spec = inline(app=BASE) + 'tags = ["127.0.0.1:9/app"]\ntest = [["/bin/busybox", "sh", "-c", "exit 5"]]\n'
    project.write("bake.toml", spec)
    result = project.build(push=True, keep_going=True)
    (error,) = result.errors  # and no error of a registry, which was never asked
    assert isinstance(error, StepFailed)
    assert (error.exit_code_of_step, result.report.exit_code) == (5, 1)
    assert result.report.targets["app"].status == "failed"
    assert not result.report.targets["app"].published


@pytest.mark.parametrize("key", ['cache-to = ["type=gha"]'])
def test_keys_that_would_change_the_result_are_refused_with_their_place(project: Project, key: str) -> None:
    project.write("bake.toml", inline(app=BASE) + key + "\n")
    with pytest.raises(InputError, match=r"with a later version|of type registry, local and inline") as caught:
        project.build()
    assert caught.value.diagnostics[0].span is not None


def test_a_cache_source_that_is_not_used_is_said(project: Project) -> None:
    project.write("bake.toml", inline(app=BASE) + 'cache-from = ["type=gha"]\n')
    result = project.build()
    assert result.errors == ()
    assert [d.code for d in result.report.diagnostics] == ["not-yet"]


def test_insecure_steps_need_an_entitlement(project: Project) -> None:
    text = f"{BASE}RUN --security=insecure {SH.format('true')}"
    project.write("bake.toml", inline(app=text))
    with pytest.raises(InputError, match=r"security\.insecure is not allowed"):
        project.build()
    project.write("bake.toml", inline(app=text) + 'entitlements = ["security.insecure"]\n')
    assert project.build().errors == ()


def test_projects_that_share_a_store_keep_their_reasons_apart(tmp_path: Path) -> None:
    one, two = Project(tmp_path / "one"), Project(tmp_path / "two")
    two.store = one.store
    one.write("bake.toml", inline(app="FROM scratch\nCOPY a /a"))
    two.write("bake.toml", inline(app="FROM scratch\nCOPY a /b"))
    for project in (one, two):
        project.write("a", "a")
        assert [why for why, _ in reasons(project.build().report.steps).values()] == ["never-built"]


def test_another_checkout_of_a_project_is_explained_by_the_first(tmp_path: Path) -> None:
    one, two = Project(tmp_path / "one"), Project(tmp_path / "two")
    two.store = one.store
    for project, text in ((one, "1"), (two, "2")):
        project.write("bake.toml", inline(app="FROM scratch\nCOPY a /a"))
        project.write("a", text)
    one.build()
    assert list(reasons(two.build().report.steps).values()) == [("file", "a changed")]
