"""Wrong command lines: exit code 2, a diagnostic with a suggestion, nothing on stdout."""

from __future__ import annotations

import pytest
from inline_snapshot import snapshot

from bake.cli import main


def run(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(line.split())
    out, err = capsys.readouterr()
    return code, out, err


def wrong(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    code, out, err = run(line, capsys)
    assert (code, out) == (2, "")
    return err


def test_unknown_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert wrong("app --psh", capsys) == snapshot("""\
error[unknown-option]: `bake build` has no option '--psh'
  = hint: did you mean '--push'?
""")
    assert wrong("list --zzz", capsys) == snapshot("""\
error[unknown-option]: `bake list` has no option '--zzz'
  = hint: `bake list --help` shows the usage
""")


def test_missing_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert wrong("tags", capsys) == snapshot("""\
error[missing-argument]: `bake tags` needs REPOSITORY
  = hint: `bake tags --help` shows the usage
""")


def test_bad_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert wrong("-j 0 app", capsys) == snapshot("""\
error[bad-value]: invalid value for '-j' / '--jobs': 0 is not in the range x>=1
  = hint: `bake build --help` shows the usage
""")
    assert wrong("--var x app", capsys) == snapshot("""\
error[bad-value]: invalid value for '--var': 'x' is not NAME=VALUE
  = hint: `bake build --help` shows the usage
""")
    assert wrong("--progress loud app", capsys) == snapshot("""\
error[bad-value]: invalid value for '--progress': 'loud' is not one of 'auto', 'tty', 'plain', 'json', 'quiet'
  = hint: `bake build --help` shows the usage
""")
    assert wrong("--report x.pdf app", capsys) == snapshot("""\
error[bad-value]: invalid value for '--report': a report is FILE.json, FILE.md, FILE.html, not 'x.pdf'
  = hint: `bake build --help` shows the usage
""")
    assert wrong("--report /nowhere/at/all/x.json app", capsys) == snapshot("""\
error[bad-value]: invalid value for '--report': there is no directory '/nowhere/at/all'
  = hint: `bake build --help` shows the usage
""")


def test_no_report_of_a_dry_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert wrong("app --dry-run --report x.json", capsys) == snapshot("""\
error[usage]: --report tells what a build did; `bake plan --json` prints what it would do
  = hint: `bake build --help` shows the usage
""")


def test_missing_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert wrong("app -f", capsys) == snapshot("""\
error[usage]: option '-f' requires an argument
  = hint: `bake --help` shows the usage
""")


def test_too_many_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert wrong("catalog a b", capsys) == snapshot("""\
error[usage]: got unexpected extra argument (b)
  = hint: `bake catalog --help` shows the usage
""")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version", capsys) == run("version", capsys) == (0, "bake 0.1.0\n", "")


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run("--help", capsys)
    assert (code, err) == (0, "")
    assert out.startswith("Usage: bake [COMMAND] [TARGET...] [OPTIONS]\n") and "  130  interrupted" in out
    assert run("help plan", capsys) == run("plan --help", capsys)


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    from bake.cli.commands import COMMANDS

    for name in COMMANDS:
        code, out, _ = run(f"{name} --help", capsys)
        assert code == 0 and f"Usage: bake {name} " in out


def test_schemas(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    for kind in ("", "spec", "report", "events", "plan"):
        code, out, _ = run(f"schema {kind}", capsys)
        assert code == 0 and json.loads(out)["$schema"].startswith("https://json-schema.org/")


@pytest.mark.parametrize("flag", ["--push", "--load", "-o out"])
def test_run_refuses_what_it_would_leave_out(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "publishes and writes nothing" in wrong(f"run app {flag}", capsys)
