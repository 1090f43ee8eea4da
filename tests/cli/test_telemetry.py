"""Traces of real builds, as a collector gets them. No collector, nor the lack of one, changes what a build comes to."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from otel_collector import Came, Collector, collecting
from registry_server import registry

Call = Callable[..., tuple[int, str, str]]
Environment = pytest.MonkeyPatch
APP = "build app --progress plain"
BAD = """
[variable]
TOKEN = { default = "hunter2-Zebra9", sensitive = true }
[target.bad]
args = { TOKEN = "${TOKEN}" }
dockerfile-inline = '''
FROM scratch
COPY root /
ARG TOKEN
RUN echo said $TOKEN; false
'''
[target.slow]
dockerfile-inline = '''
FROM scratch
COPY root /
RUN echo started && sleep 60
'''
"""


@pytest.fixture(autouse=True)
def _clear(monkeypatch: Environment) -> None:
    for name in [name for name in os.environ if name.startswith(("OTEL_", "TRACEPARENT", "TRACESTATE"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def collector(monkeypatch: Environment) -> Iterator[Collector]:
    with collecting() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        yield made


def by_instruction(spans: list[Came]) -> dict[str, Came]:
    return {span.attributes["bake.step.instruction"]: span for span in spans if span.name.startswith("step ")}


def named(spans: list[Came], name: str) -> Came:
    found = [span for span in spans if span.name == name]
    assert len(found) == 1, [span.name for span in spans]
    return found[0]


def test_a_build_and_a_cached_one(line: Call, collector: Collector, monkeypatch: Environment) -> None:
    before = time.time_ns()
    code, _, err = line(APP)
    assert code == 0 and "warning" not in err
    spans = collector.spans()
    root, app, steps = named(spans, "bake build"), named(spans, "target app"), by_instruction(spans)
    assert (collector.paths, root.parent, root.error) == (["/v1/traces"], b"", "")
    assert root.attributes["bake.targets"] == ["app"] and root.attributes["bake.exit_code"] == 0
    assert app.parent == root.id and app.attributes["bake.target.status"] == "built"
    ran = steps["RUN echo $V"]
    assert ran.parent == app.id and ran.links[steps["RUN echo base"].id] == "needs"
    wanted = {
        "bake.step.status": "run", "bake.step.cached": False, "bake.step.exit_code": 0, "bake.step.ordinal": 1,
        "bake.step.why.kind": "never-built", "bake.targets": ["app"],
    }  # fmt: skip
    assert wanted.items() <= ran.attributes.items()
    assert {"bake.platform", "bake.step.stage", "bake.step.why.detail", "bake.step.at"} <= ran.attributes.keys()
    assert len({span.trace for span in spans}) == 1 and len({span.id for span in spans}) == len(spans)
    assert all(before <= root.start <= span.start <= span.end <= root.end <= time.time_ns() for span in spans)
    assert ran.end > ran.start and steps["RUN echo base"].end <= ran.end

    collector.bodies.clear()
    monkeypatch.setenv("OTEL_SERVICE_NAME", "images")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "ci.job=7")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=k%201")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("TRACEPARENT", f"00-{'ab' * 16}-{'cd' * 8}-01")
    assert line("build app --progress quiet")[0] == 0
    spans = collector.spans()
    assert all(span.trace == bytes.fromhex("ab" * 16) for span in spans)
    assert named(spans, "bake build").parent == bytes.fromhex("cd" * 8)
    assert {step.attributes["bake.step.status"] for step in by_instruction(spans).values()} == {"cached"}
    assert collector.headers[-1]["x-key"] == "k 1"
    resource = collector.resource()
    assert (resource["service.name"], resource["ci.job"]) == ("images", "7")


def test_what_the_parent_does_not_sample_is_not_sent(
    line: Call, collector: Collector, monkeypatch: Environment
) -> None:
    monkeypatch.setenv("TRACEPARENT", f"00-{'ab' * 16}-{'cd' * 8}-00")
    assert line(APP)[0] == 0 and collector.bodies == []


def test_a_build_that_fails_and_a_sensitive_value(line: Call, collector: Collector) -> None:
    with Path("bake.toml").open("a") as file:
        file.write(BAD)
    code, _, err = line("build bad --progress plain")
    assert code == 1 and "telemetry" not in err
    spans = collector.spans()
    failed = by_instruction(spans)["RUN echo said $TOKEN; false"]
    assert failed.error == "exit code 1" and failed.attributes["bake.step.exit_code"] == 1
    assert named(spans, "target bad").error == "failed"
    root = named(spans, "bake build")
    assert root.error and root.attributes["bake.exit_code"] == 1 and root.attributes["bake.outcome"] == "failed"
    assert [attributes["bake.code"] for name, attributes in root.events if name == "diagnostic"]
    assert collector.resource()["service.name"] == "bake"
    assert line("build bad --var TOKEN=Zebra9-hunter2 --progress plain")[0] == 1
    assert not any(secret in body for body in collector.bodies for secret in (b"hunter2", b"Zebra9"))


def test_a_spec_that_is_wrong(line: Call, collector: Collector) -> None:
    Path("bake.toml").write_text("[target.app]\ncontxt = 1\n")
    assert line(APP)[0] == 2
    (root,) = collector.spans()
    assert root.attributes["error.type"] == "unknown-key" and root.error


def test_an_interrupted_build(line: Call, collector: Collector) -> None:
    with Path("bake.toml").open("a") as file:
        file.write(BAD)
    assert line("list")[0] == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "bake", "build", "slow", "--progress", "json"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for said in process.stderr:
        if '"text":"started"' in said:
            break
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(rest.splitlines()[-1])["type"] == "run.finished"
    spans = collector.spans()
    root, cut = named(spans, "bake build"), by_instruction(spans)["RUN echo started && sleep 60"]
    assert (root.error, root.attributes["bake.outcome"]) == ("interrupted", "cancelled")
    assert cut.attributes["bake.step.status"] == "cancelled" and root.start <= cut.start < cut.end <= root.end


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.mark.parametrize(("target", "wanted"), [("app", 0), ("bad", 1)])
def test_no_collector(line: Call, monkeypatch: Environment, target: str, wanted: int) -> None:
    with Path("bake.toml").open("a") as file:
        file.write(BAD)
    where = f"127.0.0.1:{closed_port()}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://user:Zebra9@{where}/base?key=Zebra9")
    code, _, err = line(f"build {target} --progress plain --report r.json")
    assert code == wanted and err.count("warning[") == 1 and "Zebra9" not in err.partition("warning[trace")[2]
    assert f"warning[trace-not-sent]: the trace of this run was not sent: {where}/base" in err
    assert "Connection refused" in err and "hint: check OTEL_EXPORTER_OTLP_ENDPOINT" in err
    assert json.loads(Path("r.json").read_text())["exit_code"] == wanted


def test_a_collector_that_does_not_answer(line: Call, monkeypatch: Environment) -> None:
    with collecting(silent=True) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{collector.url}/own")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60")
        code, _, err = line("build app --progress json")
        assert collector.paths == ["/own"]
    assert code == 0
    *_, end, last = [json.loads(said) for said in err.splitlines()]
    assert end["type"] == "run.finished" and last["diagnostic"]["code"] == "trace-not-sent"
    assert last["diagnostic"]["message"].endswith(": no answer within 2 s")


def test_a_collector_that_refuses(line: Call, monkeypatch: Environment) -> None:
    with collecting(status=401) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        code, _, err = line(APP)
    assert code == 0 and err.count("warning[") == 1 and "401" in err.partition("warning[trace-not-sent]")[2]


def test_an_interrupt_ends_only_the_sending(line: Call, monkeypatch: Environment) -> None:
    assert line(APP)[0] == 0
    with collecting(silent=True) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        process = subprocess.Popen(
            [sys.executable, "-m", "bake", *APP.split(), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        while not collector.bodies and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and json.loads(out)["outcome"] == "ok" and b"Traceback" not in err


def test_what_is_published(line: Call, collector: Collector, tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as server:
        with Path("bake.toml").open("a") as file:
            file.write(f'tags = ["{server.host}/team/app:1"]\n')
        assert line(f"{APP} --push")[0] == 0
        spans = collector.spans()
        app = named(spans, "target app")
        (published,) = [attributes for name, attributes in app.events if name == "published"]
        assert published["bake.tag"] == f"{server.host}/team/app:1"
        assert published["bake.digest"] == app.attributes["bake.target.digest"]
        assert app.attributes["bake.target.published"] is True
        pushed = [span for span in spans if span.name == "push blob"]
        assert {span.parent for span in pushed} == {app.id}
        assert {span.attributes["bake.blob.repository"] for span in pushed} == {f"{server.host}/team/app"}
        assert {span.attributes["bake.blob.outcome"] for span in pushed} == {"pushed"}
        assert all(app.start <= span.start < span.end <= app.end for span in pushed)
        assert sum(span.attributes["bake.blob.bytes"] for span in pushed) > 500_000

        collector.bodies.clear()
        assert line("push app --progress quiet")[0] == 0
        assert named(collector.spans(), "target app").parent == named(collector.spans(), "bake push").id


BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1] or name.startswith(sys.argv[1] + "."):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocker())
from bake.cli import main
sys.exit(main(["build", sys.argv[2], "--progress", "plain"]))
"""


@pytest.mark.parametrize("blocked", ["opentelemetry", "opentelemetry.exporter"])
def test_the_extra_is_missing(line: Call, collector: Collector, blocked: str) -> None:
    with Path("bake.toml").open("a") as file:
        file.write(BAD)
    assert line("list")[0] == 0
    for target, code in (("app", 0), ("bad", 1)):
        ran = subprocess.run(
            [sys.executable, "-c", BLOCKED, blocked, target], capture_output=True, text=True, check=False
        )
        assert ran.returncode == code, ran.stderr
        assert ran.stderr.count("warning[") == 1 and "Traceback" not in ran.stderr
        assert "warning[telemetry-missing]: OTEL_EXPORTER_OTLP_ENDPOINT asks for a trace" in ran.stderr
        assert "hint: pip install 'bake[otel]', or set OTEL_SDK_DISABLED=true" in ran.stderr
    assert collector.bodies == []


def test_an_exporter_that_raises(line: Call, collector: Collector, monkeypatch: Environment) -> None:
    """As version 1.30 does when nobody answers: no traceback of the thread that sends, and not taken for sent."""

    def export(*_: object) -> None:
        raise RuntimeError("no way") from ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr("opentelemetry.exporter.otlp.proto.http.trace_exporter.OTLPSpanExporter.export", export)
    code, _, err = line(APP)
    assert code == 0 and collector.bodies == [] and "Traceback" not in err and err.count("warning[") == 1
    assert "/v1/traces: Connection refused\n" in err


def test_grpc_without_its_package(line: Call, monkeypatch: Environment) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc", None)
    code, _, err = line(APP)
    assert code == 0 and err.count("warning[") == 1
    assert "over grpc is not installed" in err and "pip install opentelemetry-exporter-otlp-proto-grpc" in err
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in err


def test_on_the_console(line: Call, monkeypatch: Environment) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    code, out, err = line("build app --progress quiet --json")
    assert code == 0 and json.loads(out)["outcome"] == "ok"
    assert '"name": "bake build"' in err and '"name": "target app"' in err


@pytest.mark.parametrize("name", ["OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=none"])
def test_switched_off(line: Call, collector: Collector, monkeypatch: Environment, name: str) -> None:
    monkeypatch.setenv(*name.split("="))
    code, _, err = line(APP)
    assert code == 0 and collector.bodies == [] and "warning[" not in err
