"""Whole builds on a real daemon: steps, reasons, outputs; what is known already contacts nobody."""

from __future__ import annotations

import json
import tarfile
import threading
from pathlib import Path

import anyio
import pytest
from projects import reasons, statuses

from bake.errors import HostError
from bake.events import StepLog

BASE = 'FROM scratch AS base\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
SPEC = """
[target.app]
context = "."
network = "none"
tags = ["localhost:5000/app"]
output = [{ type = "oci", dest = "out.tar" }]
"""
NOWHERE = ("docker:///nowhere/docker.sock",)


def write(project, dockerfile: str, spec: str = SPEC) -> None:  # type: ignore[no-untyped-def]
    project.write("Dockerfile", dockerfile)
    project.write("bake.toml", spec)


def config_of(archive: Path) -> dict:  # type: ignore[type-arg]
    with tarfile.open(archive) as tar:

        def read(digest: str) -> dict:  # type: ignore[type-arg]
            member = tar.extractfile(f"blobs/{digest.replace(':', '/')}")
            assert member is not None
            return json.loads(member.read())

        index = tar.extractfile("index.json")
        assert index is not None
        return read(read(json.loads(index.read())["manifests"][0]["digest"])["config"]["digest"])


def test_a_build_its_reasons_and_nothing_to_do(project) -> None:  # type: ignore[no-untyped-def]
    project.write("src/a.txt", "A")
    write(project, f'{BASE}FROM base\nWORKDIR /app\nCOPY src/*.txt ./\nRUN echo hello; cat a.txt > b.txt\nCMD ["x"]\n')
    result = project.build()
    assert [e.diagnostics for e in result.errors] == []
    assert set(statuses(result.report.steps).values()) <= {"run", "cached"}
    assert result.report.engine == "buildkit"
    config = config_of(project.root / "out.tar")
    assert config["config"]["Cmd"] == ["x"] and len(config["rootfs"]["diff_ids"]) == 5
    digest = result.report.targets["app"].digest

    again = project.build(builders=NOWHERE)  # nobody is asked
    assert set(statuses(again.report.steps).values()) == {"cached"}
    assert (again.report.targets["app"].status, again.report.targets["app"].digest) == ("unchanged", digest)

    project.write("src/a.txt", "B")
    changed = project.build()
    assert statuses(changed.report.steps)["app/1/2"] == "run"
    assert reasons(changed.report.steps)["COPY src/*.txt ./"] == ("file", "src/a.txt changed")
    texts = [event.text for event in project.events if isinstance(event, StepLog)]
    assert texts == ["hello"]


def test_shared_steps_run_once(project) -> None:  # type: ignore[no-untyped-def]
    targets = "".join(f'[target.t{n}]\ncontext = "."\nnetwork = "none"\nargs = {{ N = "{n}" }}\n' for n in range(6))
    shared = "RUN echo once-in-this-test; sleep 0.2\n"
    write(project, f"{BASE}{shared}ARG N\nRUN echo $N > /n\n", targets)
    result = project.build("all")
    assert result.errors == ()
    texts = [event.text for event in project.events if isinstance(event, StepLog)]
    assert texts.count("once-in-this-test") == 1
    (row,) = [step for step in result.report.steps if "once-in-this-test" in step.instruction]
    assert (row.status, len(row.targets)) == ("run", 6)
    assert [t.status for t in result.report.targets.values()] == ["built"] * 6


def test_a_failing_step_is_told_with_its_place(project) -> None:  # type: ignore[no-untyped-def]
    write(project, f"{BASE}RUN echo before; exit 7\nRUN echo never\n")
    result = project.build()
    (error,) = result.errors
    (diagnostic,) = error.diagnostics
    assert (result.report.exit_code, diagnostic.code, diagnostic.span.line) == (1, "step-failed", 4)
    assert "exited with code 7" in diagnostic.message
    steps = {step.instruction: (step.status, step.exit_code) for step in result.report.steps}
    assert steps["RUN echo before; exit 7"] == ("failed", 7)
    assert steps["RUN echo never"][0] == "skipped"
    assert not (project.root / "out.tar").exists()


def test_targets_link_without_export(project) -> None:  # type: ignore[no-untyped-def]
    write(
        project,
        f"{BASE}RUN echo base > /made\n",
        '[target.base]\ncontext = "."\nnetwork = "none"\n'
        '[target.top]\ncontext = "."\nnetwork = "none"\ncontexts = { below = "target:base" }\n'
        'dockerfile-inline = "FROM below\\nRUN cat /made\\nCOPY --from=below /made /copied"\n'
        'test = [["cat", "/copied"]]\n',
    )
    result = project.build("top")
    assert result.errors == ()
    texts = [event.text for event in project.events if isinstance(event, StepLog)]
    assert texts == ["base", "base"]
    assert list(result.report.targets) == ["top"]


def test_a_daemon_that_is_not_there(project) -> None:  # type: ignore[no-untyped-def]
    write(project, f"{BASE}RUN echo {threading.get_ident()}\n")
    result = project.build(builders=NOWHERE)
    (error,) = result.errors
    assert (result.report.exit_code, error.diagnostics[0].code) == (4, "no-builder")
    assert "there is no socket" in str(error)


def test_the_plan_is_what_the_build_does(project) -> None:  # type: ignore[no-untyped-def]
    project.write("a", "1")
    write(project, f"{BASE}COPY a /a\nRUN cat /a\n")
    assert {step.status for step in project.plan(builders=NOWHERE)} == {"run"}
    assert project.build().errors == ()
    assert {step.status for step in project.plan(builders=NOWHERE)} == {"cached"}
    project.write("a", "2")
    planned = project.plan(builders=NOWHERE)
    built = project.build()
    assert reasons(planned) == reasons(built.report.steps) == {
        "COPY a /a": ("file", "a changed"),
        "RUN cat /a": ("parent", "the step before it has a new result"),
    }  # fmt: skip


def test_builders_command(project, daemon) -> None:  # type: ignore[no-untyped-def]
    from click.testing import CliRunner

    from bake.cli.builders import builders

    write(project, f"{BASE}RUN true\n")
    assert project.build().errors == ()
    environment = {"BAKE_STORE": str(project.store)}
    addresses = f"{daemon.address},{NOWHERE[0]}"
    done = CliRunner().invoke(builders, ["--builder", addresses, "--json"], env=environment, standalone_mode=False)
    here, nowhere = json.loads(done.stdout)["builders"]
    assert done.return_value == 4
    assert (here["problem"], here["platforms"][0][:6], here["steps_cached"] + here["steps_run"]) == ("", "linux/", 3)
    assert here["version"].startswith("Docker Engine 20.10.")
    assert "there is no socket" in nowhere["problem"]
    shown = CliRunner().invoke(builders, ["--builder", daemon.address], env=environment, standalone_mode=False)
    assert (shown.return_value, shown.stdout.split()[:2]) == (0, ["BUILDER", "STATE"])


def test_layers_stay_where_nobody_wants_them(project) -> None:  # type: ignore[no-untyped-def]
    from bake.app.publishing import push
    from bake.errors import InputError

    spec = SPEC.replace('output = [{ type = "oci", dest = "out.tar" }]\n', "")
    write(project, f"{BASE}RUN echo lazy > /lazy\n", spec)
    first = project.build()
    assert (first.errors, first.report.targets["app"].status) == ((), "built")
    assert not any((project.store / "oci/blobs/sha256").iterdir())
    again = project.build(builders=NOWHERE)
    assert (again.errors, again.report.targets["app"].status) == ((), "unchanged")
    with pytest.raises(InputError, match="its layers are still there"):
        anyio.run(push, project.options("app", builders=(), engine="embedded"), lambda _event: None)
    fetched = project.build(fetch=True)
    assert set(statuses(fetched.report.steps).values()) == {"cached"}
    assert len(list((project.store / "oci/blobs/sha256").iterdir())) == 3
    assert project.build(fetch=True, builders=NOWHERE).errors == ()


def test_builders_of_the_settings(project, daemon, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from dataclasses import replace

    from bake.app.session import Session
    from bake.errors import InputError

    (tmp_path / "config/bake").mkdir(parents=True)
    (tmp_path / "config/bake/config.toml").write_text(
        f'[[builders]]\naddr = "{daemon.address}"\nlabels = {{ zone = "eu" }}\nslots = 3\n'
        '[[builders]]\naddr = "tcp://far:1"\nplatforms = ["linux/arm64"]\nlabels = { zone = "us" }\n'
    )
    base = project.options(builders=())
    base = replace(base, environment={**base.environment, "XDG_CONFIG_HOME": str(tmp_path / "config")})

    def found(**options: object) -> list[tuple[str, int]]:
        with Session(replace(base, **options)) as session:  # type: ignore[arg-type]
            return [(row.addr, row.slots) for row in session.candidates]

    assert found() == [(daemon.address, 3), ("tcp://far:1", 8)]
    assert found(jobs=2) == [(daemon.address, 2), ("tcp://far:1", 2)]
    assert found(builders=("zone=eu",)) == [(daemon.address, 3)]
    assert found(builders=(daemon.address, "docker://")) == [(daemon.address, 3), ("docker://", 32)]
    with pytest.raises(InputError, match="labelled zone=mars"):
        found(builders=("zone=mars",))


@pytest.mark.parametrize(
    ("line", "more"),
    [
        ("RUN --mount=type=secret,id=s,env=S true", 'secret = ["id=s,env=PATH"]\n'),
        ("RUN true", 'ulimits = ["nofile=100"]\n'),
        ("COPY --from=base --exclude=*.txt /bin /x", ""),
    ],
)
def test_what_an_old_builder_cannot_is_told_at_its_place(project, line: str, more: str) -> None:  # type: ignore[no-untyped-def]
    project.write("Dockerfile", f"FROM scratch AS base\nCOPY busybox /bin/sh\nFROM base\n{line}\n")
    project.write("bake.toml", f'[target.app]\ncontext = "."\nnetwork = "none"\nretries = 3\n{more}')
    result = project.build()
    assert result.report.exit_code == 4
    (found,) = (d for error in result.errors for d in error.diagnostics)
    assert (found.code, found.span.line) == ("builder-cannot", 4)


def test_an_image_for_a_platform_that_no_builder_runs(project) -> None:  # type: ignore[no-untyped-def]
    project.write("a", "A")
    cross = f"{BASE.replace('FROM', 'FROM --platform=$BUILDPLATFORM')}ARG TARGETARCH\nRUN echo $TARGETARCH > /made\n"
    final = "FROM scratch\nCOPY --from=base /made a /\n"
    spec = SPEC.replace('context = "."', 'context = "."\nplatforms = ["linux/amd64", "linux/s390x"]')
    write(project, cross + final.replace(" a /", " /made-again\nCOPY a /"), spec)
    result = project.build()
    assert [e.diagnostics for e in result.errors] == []
    with tarfile.open(project.root / "out.tar") as tar:
        index = json.loads(tar.extractfile("index.json").read())  # type: ignore[union-attr]
        assert index["manifests"]
    ran = {(s.platform, s.target_platform) for s in result.report.steps if s.instruction.startswith("RUN echo")}
    assert ran == {("linux/amd64", ""), ("linux/amd64", "linux/s390x")}
    write(project, f"{BASE}RUN true\n", spec)
    with pytest.raises(HostError) as raised:
        project.build()
    assert [(d.code, d.message) for d in raised.value.diagnostics] == [
        ("no-builder-fits", "no builder for linux/s390x")
    ]


def test_the_builder_of_each_step_is_told(project, daemon, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Two addresses of one daemon."""
    import io

    from bake.events import StepFinished, StepStarted
    from bake.render.page import report_html
    from bake.render.plain import PlainRenderer

    (tmp_path / "other").symlink_to(daemon.socket)
    addresses = {daemon.address, f"docker://{tmp_path}/other"}
    rows = (f'[target.t{n}]\ncontext = "."\nnetwork = "none"\nargs.N = "{n}"\n' for n in range(6))
    write(project, f"{BASE}ARG N\nRUN sleep 0.1; echo told $N\n", "".join(rows))
    result = project.build("all", builders=tuple(addresses))
    assert result.errors == ()
    assert {step.builder for step in result.report.steps} == addresses
    started = {event.step.id: event.step.builder for event in project.events if isinstance(event, StepStarted)}
    ended = {event.step.id: event.step.builder for event in project.events if isinstance(event, StepFinished)}
    assert started.items() <= ended.items()
    out = io.StringIO()
    plain = PlainRenderer(out, {})
    for event in project.events:
        plain.event(event)
    ends = [line for line in out.getvalue().splitlines() if "RUN sleep" in line and "DONE" in line]
    assert {line.split("  on ")[1].split()[0] for line in ends} == addresses
    assert "<dt>builder</dt>" in report_html(result.report, {})

    again = project.build("all", builders=NOWHERE)
    assert {step.builder for step in again.report.steps} == {""}
