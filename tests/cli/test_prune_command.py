"""`bake cache prune` on the command line, and the settings it goes with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bake.settings import age_of, size_of

Call = Callable[..., tuple[int, str, str]]


def test_what_is_removed_is_told(line: Call) -> None:
    assert line("build app --progress quiet")[0] == 0
    assert line("cache prune")[1] == "0 B removed from TMP/store\n"
    Path("main.py").write_text("2")
    assert line("build app --progress quiet")[0] == 0
    code, out, _ = line("cache prune --dry-run")
    assert (code, out.splitlines()[1].split()[0], out.splitlines()[-1]) == (
        0, "layers", "1 B would be removed from TMP/store"
    )  # fmt: skip
    assert line("cache prune --older-than 1d")[1] == "0 B removed from TMP/store\n"
    assert line("cache prune --keep-size 1GB")[1] == "0 B removed from TMP/store\n"
    found = json.loads(line("cache prune --json")[1])
    assert (found["dry_run"], found["size"], [row["kind"] for row in found["removed"]]) == (False, 1, ["layer"])
    assert line("cache prune --all")[1].splitlines()[-1].endswith("removed from TMP/store")
    assert line("cache verify")[0] == 0
    assert "evicted" in line("plan app")[1]
    for wrong in ("--keep-size x", "--older-than 5", "--older-than 5GB"):
        assert line(f"cache prune {wrong}")[0] == 2


def test_limits_are_settings(line: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKE_STORE_MAX_AGE", "12h")
    monkeypatch.delenv("BAKE_STORE")
    config = tmp_path / "home/.config/bake/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[store]\npath = "{tmp_path}/other"\nmax-size = "20GB"\n')
    values = {row["name"]: (row["value"], row["origin"]) for row in json.loads(line("doctor --json")[1])["settings"]}
    assert values["store"][0].endswith("/other")
    assert values["store.max-size"] == ("20GB", values["store"][1])
    assert values["store.max-age"] == ("12h", "BAKE_STORE_MAX_AGE")
    config.write_text('[store]\nmax-size = "big"\n')
    code, _, err = line("build app")
    assert (code, err.splitlines()[0].partition(":")[0]) == (2, "error[bad-setting]")
    config.write_text('[store]\nmaxsize = "1GB"\n')
    assert "did you mean 'store.max-size'" in line("build app")[2]


def test_sizes_and_ages() -> None:
    assert [size_of(text) for text in ("10", "1kB", "1.5 GB", "2GiB", "1m", "0")] == [
        10, 1000, 1_500_000_000, 2 << 30, 1_000_000, 0
    ]  # fmt: skip
    assert [age_of(text) for text in ("45s", "2m", "1.5h", "7d", "1w", "0")] == [45, 120, 5400, 604800, 604800, 0]
