"""SOURCE_DATE_EPOCH: two builds on two stores give one digest, and no time of the image is later."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from projects import Project

from bake.app.building import BuildResult, build
from bake.errors import InputError

EPOCH = 1_700_000_000
OLD = 1_500_000_000
TEXT = """
FROM scratch AS base
COPY busybox /bin/busybox
WORKDIR /made/by/workdir
FROM base AS stage
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox mkdir /out; echo one > /out/one; echo two > /out/two"]
FROM base
ADD files.tar /unpacked/
COPY --from=stage /out /out
COPY old new /app/deep/
COPY <<EOF /heredoc
text
EOF
COPY --link old /linked/old
RUN ["/bin/busybox", "sh", "-c", "echo now > /now; /bin/busybox rm /app/deep/new"]
LABEL a=b
"""


@dataclass(frozen=True)
class Image:
    """What a build wrote."""

    digest: str
    config: dict[str, Any]
    layers: tuple[list[tarfile.TarInfo], ...]

    @property
    def times(self) -> dict[str, int]:
        return {member.name: int(member.mtime) for layer in self.layers for member in layer}


def make(directory: Path, text: str = TEXT, output: str = "", age: float | None = None) -> Project:
    project = Project(directory)
    project.add_busybox()
    extra = f", {output}" if output else ""
    row = f'output = [{{ type = "oci", dest = "out.tar"{extra} }}]\n'
    project.write("bake.toml", f"[target.app]\ndockerfile-inline = '''\n{text.strip()}\n'''\n{row}")
    project.write("old", "old")
    project.write("new", "new")
    with tarfile.open(project.root / "files.tar", "w") as archive:
        for name, time in (("late", EPOCH + 99), ("early", OLD)):
            info = tarfile.TarInfo(name)
            info.mtime = time
            archive.addfile(info)
    os.utime(project.root / "old", (OLD, OLD))
    if age is not None:
        os.utime(project.root / "new", (age, age))
    return project


def run(project: Project, epoch: str | None, **changes: object) -> BuildResult:
    options = project.options(**changes)
    given = {} if epoch is None else {"SOURCE_DATE_EPOCH": epoch}
    options = replace(options, environment={**options.environment, **given})
    return anyio.run(build, options, lambda _event: None)


def read(project: Project) -> Image:
    with tarfile.open(project.root / "out.tar") as archive:

        def blob(digest: str) -> bytes:
            file = archive.extractfile("blobs/sha256/" + digest.partition(":")[2])
            assert file is not None
            return file.read()

        index = archive.extractfile("index.json")
        assert index is not None
        digest = json.load(index)["manifests"][0]["digest"]
        manifest = json.loads(blob(digest))
        layers = [gzip.decompress(blob(layer["digest"])) for layer in manifest["layers"]]
        members = tuple(_members(layer) for layer in layers)
        return Image(digest, json.loads(blob(manifest["config"]["digest"])), members)


def _members(layer: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        return archive.getmembers()


def image(project: Project, epoch: str | None, **changes: object) -> Image:
    assert run(project, epoch, **changes).errors == ()
    return read(project)


def test_two_builds_on_two_stores_give_one_digest(tmp_path: Path) -> None:
    first = image(make(tmp_path / "one"), str(EPOCH))
    second = image(make(tmp_path / "two", age=EPOCH + 5000), str(EPOCH))
    assert first.digest == second.digest
    assert max(first.times.values()) == EPOCH
    assert (first.times["app/deep/old"], first.times["unpacked/early"]) == (OLD, OLD)
    assert {first.times[name] for name in ("now", "heredoc", "unpacked/late", "made/by/workdir", "out/one")} == {EPOCH}
    assert {entry["created"] for entry in first.config["history"]} == {"2023-11-14T22:13:20Z"}
    assert first.config["created"] == "2023-11-14T22:13:20Z"


def test_a_build_argument_beats_the_environment_and_an_empty_one_turns_it_off(tmp_path: Path) -> None:
    project = make(tmp_path)
    assert max(image(project, str(EPOCH), sets=(f"app.args.SOURCE_DATE_EPOCH={OLD + 1}",)).times.values()) == OLD + 1
    off = image(project, None)
    assert max(off.times.values()) > EPOCH
    assert image(project, "").digest == off.digest


def test_a_global_arg_counts_where_nothing_is_passed(tmp_path: Path) -> None:
    project = make(tmp_path, f"ARG SOURCE_DATE_EPOCH={EPOCH}\n{TEXT.strip()}")
    assert max(image(project, None).times.values()) == EPOCH
    assert max(image(project, str(OLD)).times.values()) == OLD


def test_dating_the_image_leaves_every_step_cached(tmp_path: Path) -> None:
    text = TEXT.replace("WORKDIR /made/by/workdir", "")
    project = make(tmp_path, text)
    plain = image(project, None)
    result = run(project, str(EPOCH))
    assert {step.status for step in result.report.steps} == {"cached"}
    assert read(project).digest != plain.digest
    assert image(project, None).digest == plain.digest


def test_files_keep_their_times_where_only_the_config_is_to_be_dated(tmp_path: Path) -> None:
    """As the peer does without `rewrite-timestamp`: the directories of WORKDIR are dated all the same."""
    found = image(make(tmp_path, output="rewrite-timestamp = false"), str(EPOCH))
    assert found.times["now"] > EPOCH
    assert found.times["made/by/workdir"] == EPOCH
    assert found.config["created"] == "2023-11-14T22:13:20Z"


def test_an_output_may_have_a_date_of_its_own(tmp_path: Path) -> None:
    assert max(image(make(tmp_path / "a", output=f'source-date-epoch = "{OLD}"'), str(EPOCH)).times.values()) == OLD
    assert max(image(make(tmp_path / "b", output='source-date-epoch = ""'), str(EPOCH)).times.values()) > EPOCH


def test_a_step_sees_it_only_as_an_argument(tmp_path: Path) -> None:
    text = "FROM scratch\nCOPY busybox /bin/busybox\n"
    text += 'RUN ["/bin/busybox", "sh", "-c", "test -z $SOURCE_DATE_EPOCH"]\n'
    script = f"test $SOURCE_DATE_EPOCH = {EPOCH}"
    text += f'ARG SOURCE_DATE_EPOCH\nRUN ["/bin/busybox", "sh", "-c", "{script}"]\n'
    found = image(make(tmp_path, text), str(EPOCH))
    assert found.config["history"][-1]["created_by"].startswith(f"RUN |1 SOURCE_DATE_EPOCH={EPOCH} ")


@pytest.mark.parametrize("value", ["yesterday", "1.5", "99999999999999999999"])
def test_what_is_no_time_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(InputError, match=f"invalid SOURCE_DATE_EPOCH: {value}") as caught:
        run(make(tmp_path), value)
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == ["bad-epoch"]
