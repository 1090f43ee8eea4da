"""`bake check`, whole: spec, Dockerfiles and lint in three forms, without network, engine or store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from bake.app.checking import check as work
from bake.app.options import Options
from bake.cli import main

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Writes the files, checks, and gives exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAKE_STORE", str(tmp_path / "no-such-directory" / "store"))
    monkeypatch.setenv("NO_COLOR", "1")

    def call(files: dict[str, str], *flags: str) -> tuple[int, str, str]:
        for name, text in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text)
        code = main(["check", *flags])
        assert not Path("no-such-directory").exists()
        return (code, *capsys.readouterr())

    return call


SPEC = '[target.app]\ncontext = "app"\n'


def codes(check: Call, files: dict[str, str], *flags: str) -> tuple[int, list[str]]:
    code, out, _ = check(files, "--format", "json", *flags)
    return code, [f"{d['file']}:{d['line']} {d['code']}" for d in json.loads(out)]


def test_nothing_to_find(check: Call) -> None:
    files = {"bake.toml": SPEC, "app/Dockerfile": 'FROM localhost:1/base AS x\nCMD ["a"]\n'}
    assert check(files) == (0, "", "no errors, no warnings\n")
    assert check(files, "--format", "json") == (0, "[]\n", "")


def test_text_shows_the_place(check: Call) -> None:
    files = {"bake.toml": SPEC, "app/Dockerfile": "FROM scratch AS Build\nCOPY a /\n", "app/a": ""}
    assert check(files) == snapshot(
        (
            0,
            """\
warning[stage-name-casing]: Stage name 'Build' should be lowercase
 --> app/Dockerfile:1:17
  |
1 | FROM scratch AS Build
  |                 ^^^^^
  = hint: write the name in lower case; rule StageNameCasing
""",
            "no errors, 1 warning\n",
        )
    )


def test_everything_is_told_at_once(check: Call) -> None:
    spec = """
[target.app]
context = "app"
contxt = "b"
args = { MODE = "x", OTHER = "y" }
[target.bad]
context = "bad"
[target.none]
context = "none"
[target._template]
context = "nowhere"
[target.inline]
dockerfile-inline = '''
FROM scratch
COPY --from=nope$x / /
'''
"""
    files = {
        "bake.toml": spec,
        "app/Dockerfile": "FROM scratch AS unused\nFROM scratch\nARG MODE\nCOPY a.log $MOD /\n",
        "app/.dockerignore": "*.log\n",
        "bad/Dockerfile": "FROM scratch\nRUM x\nCOPY a\n",
    }
    assert codes(check, files) == snapshot(
        (
            2,
            [
                "bake.toml:4 unknown-key",
                "bake.toml:5 unused-arg",
                "bake.toml:9 no-context",
                "bad/Dockerfile:2 unknown-instruction",
                "bad/Dockerfile:3 missing-argument",
                "inline:dockerfile-inline:2 from-variable",
                "app/Dockerfile:1 unused-stage",
                "app/Dockerfile:4 missing-source",
                "app/Dockerfile:4 copy-ignored-file",
                "app/Dockerfile:4 undefined-var",
            ],
        )
    )


def test_error_true_fails(check: Call) -> None:
    files = {"bake.toml": SPEC, "app/Dockerfile": "# check=error=true\nFROM scratch AS Build\n"}
    assert codes(check, files) == (2, ["app/Dockerfile:2 stage-name-casing"])
    files["app/Dockerfile"] = "# check=skip=StageNameCasing;error=true\nFROM scratch AS Build\n"
    assert codes(check, files) == (0, [])


def test_unknown_bases_make_no_errors(check: Call) -> None:
    """What depends on the config of a base image may be right."""
    text = "FROM localhost:1/base\nWORKDIR ${HOME:?no home}\nUSER ${WHO}\n"
    assert codes(check, {"bake.toml": SPEC, "app/Dockerfile": text}) == (0, [])
    text = "FROM localhost:1/base\nWORKDIR ${HOME\n"
    assert codes(check, {"app/Dockerfile": text}) == (2, ["app/Dockerfile:2 bad-substitution"])


def test_what_one_target_uses_is_used(check: Call) -> None:
    spec = """
[defaults]
args = { SHARED = "1", LOST = "2", SOURCE_DATE_EPOCH = "0" }
[target.one]
context = "app"
target = "one"
[target.two]
context = "app"
target = "two"
"""
    text = "ARG SHARED\nFROM scratch AS one\nFROM scratch AS two\n"
    assert codes(check, {"bake.toml": spec, "app/Dockerfile": text}) == (0, ["bake.toml:3 unused-arg"])


def test_without_a_spec_and_with_bad_bytes(check: Call) -> None:
    assert codes(check, {}) == (2, [":0 no-spec"])
    Path("app").mkdir()
    Path("app/Dockerfile").write_bytes(b"FROM \xff")
    assert codes(check, {"bake.toml": SPEC}) == (2, ["app/Dockerfile:1 not-utf8", "bake.toml:1 no-dockerfile"])
    assert check({"bake.toml": "x = "}, "--profile", "nope")[0] == 2


def test_files_of_a_workspace_are_told_apart(check: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when their Dockerfiles say the same; from wherever bake is called."""
    files = {"bake.toml": 'include = ["services/*/bake.toml"]\n'}
    for name in ("a", "b"):
        files |= {f"services/{name}/bake.toml": f"[target.{name}]\ncontxt = '.'\n"}
        files |= {f"services/{name}/Dockerfile": "FROM scratch AS Up\n"}
    assert codes(check, files)[1] == snapshot(
        [
            "services/a/bake.toml:2 unknown-key",
            "services/b/bake.toml:2 unknown-key",
            "services/a/Dockerfile:1 stage-name-casing",
            "services/b/Dockerfile:1 stage-name-casing",
        ]
    )
    monkeypatch.chdir("services/a")
    assert codes(check, {}, "-f", "../../bake.toml")[1] == snapshot(
        [
            "bake.toml:2 unknown-key",
            "../b/bake.toml:2 unknown-key",
            "Dockerfile:1 stage-name-casing",
            "../b/Dockerfile:1 stage-name-casing",
        ]
    )


def test_the_walkthrough_has_no_errors() -> None:
    found = work(Options(directory=str(Path(__file__).parents[2]), environment={"PATH": "/usr/bin:/bin"}))
    assert [d for d in found if d.severity == "error"] == []


def test_sarif_names_the_rules(check: Call) -> None:
    files = {"bake.toml": SPEC, "app/Dockerfile": "FROM scratch\nCMD a\n"}
    code, out, err = check(files, "--format", "sarif")
    (run,) = json.loads(out)["runs"]
    assert (code, err, [r["ruleId"] for r in run["results"]]) == (0, "", ["json-args-recommended"])
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("app/Dockerfile", 2)


def test_a_context_that_is_none_is_told_where_it_is_named(check: Call) -> None:
    spec = '[target.app]\ncontext = "/dev/null"\ndockerfile-inline = "FROM scratch\\nCOPY a /"\n'
    assert codes(check, {"bake.toml": spec})[1][0] == "bake.toml:2 no-context"


@pytest.mark.parametrize("command", ["build", "plan"])
def test_error_true_fails_builds_and_plans_too(
    check: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    files = {"bake.toml": SPEC, "app/Dockerfile": "# check=error=true\nFROM scratch AS Build\n"}
    code, out, _ = check(files)
    assert code == 2
    assert "error[stage-name-casing]" in out
    monkeypatch.setenv("BAKE_STORE", str(tmp_path / "store"))
    assert main([command, "app"]) == 2
    err = capsys.readouterr().err
    assert "Dockerfile:2:17" in err
    assert "lint violation found for rules: StageNameCasing" in err
