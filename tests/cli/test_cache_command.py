"""`bake cache` on a real store, sound and damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

Call = Callable[..., tuple[int, str, str]]


def blob(store: Path) -> Path:
    """A blob whose content is not what its name says."""
    path = store / "oci/blobs/sha256" / ("0" * 64)
    path.write_bytes(b"anything")
    return path


def test_an_empty_store_is_sound_and_small(line: Call) -> None:
    assert line("cache verify") == (0, "the store TMP/store is sound\n", "")
    code, out, err = line("cache du")
    assert (code, err) == (0, "")
    assert [row.split()[0] for row in out.splitlines()] == ["WHAT", "index", out.splitlines()[-1].split()[0]]
    assert out.endswith(" in TMP/store\n")


def test_du_counts_what_a_build_left(line: Call) -> None:
    assert line("build app --progress quiet")[0] == 0
    _, out, _ = line("cache du")
    assert next(row.split()[1] for row in out.splitlines() if row.startswith("layers")) == "4"
    code, out, _ = line("cache du --json")
    found = json.loads(out)
    assert (code, found["version"], found["store"]) == (0, 1, "TMP/store")
    assert len([row for row in found["rows"] if row["kind"] == "layer"]) == 4
    assert found["size"] == sum(row["size"] for row in found["rows"]) > 500_000


def test_verify_looks_deeper_when_told_and_repairs(line: Call, tmp_path: Path) -> None:
    assert line("cache du")[0] == 0
    damaged = blob(tmp_path / "store")
    assert line("cache verify")[0] == 0
    code, out, err = line("cache verify --deep")
    assert (code, err) == (4, "")
    assert out == (
        f"error[damaged-blob]: the blob sha256:{'0' * 64} has another content\n"
        "  = hint: bake cache verify --repair forgets it; it is made again when needed\n"
        "the store TMP/store is damaged: 1 finding\n"
    )
    assert damaged.exists()
    code, out, _ = line("cache verify --repair")
    assert (code, out.splitlines()[-1]) == (0, "the store TMP/store is sound: 1 finding, 1 repaired")
    assert not damaged.exists()
    assert line("cache verify --deep")[0] == 0


def test_verify_as_json(line: Call, tmp_path: Path) -> None:
    assert line("cache du")[0] == 0
    blob(tmp_path / "store")
    code, out, _ = line("cache verify --deep --json")
    found = json.loads(out)
    assert (code, found["sound"], found["left"]) == (4, False, 1)
    assert [row["code"] for row in found["diagnostics"]] == ["damaged-blob"]
    code, out, _ = line("cache verify --repair --json")
    found = json.loads(out)
    assert (code, found["sound"], found["left"], len(found["diagnostics"])) == (0, True, 0, 1)


def test_a_lost_layer_is_built_again_after_repair(line: Call, tmp_path: Path) -> None:
    assert line("build app --progress quiet")[0] == 0
    for path in (tmp_path / "store/layers").glob("*/listing"):
        path.unlink()
    assert line("cache verify")[0] == 4
    assert line("cache verify --repair")[0] == 0
    code, out, _ = line("build app --progress quiet --json")
    assert (code, {step["why"]["kind"] for step in json.loads(out)["steps"]}) == (0, {"evicted"})


def test_the_group_alone_shows_its_commands(line: Call) -> None:
    code, out, err = line("cache")
    assert (code, err) == (0, "") and "  verify  " in out
    code, out, err = line("cache verfy")
    assert (code, out) == (2, "") and "no such command 'verfy'" in err


def test_a_store_that_cannot_be_is_a_diagnostic(line: Call, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    code, out, err = line("cache du")
    assert (code, out) == (4, "") and err.startswith("error[")
