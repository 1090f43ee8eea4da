"""What a target's image is made into besides layers of the store: pushes and files (`--push`, `push`, `output`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bake.errors import Diagnostic, InputError
from bake.oci.reference import Reference, parse_reference
from bake.plan.epoch import epoch_of
from bake.plan.outcome import Image
from bake.spec.target import Table, Target

_LATER = {
    "local": "writing the files of an image",
    "tar": "writing the files of an image",
}


@dataclass(frozen=True)
class FileOutput:
    """An image as a file: `kind` is `oci` or `docker`; without `tar` an OCI layout becomes a directory."""

    kind: str
    dest: Path
    tar: bool = True


@dataclass(frozen=True)
class Job:
    """One target: the references it is pushed as, the files it is written to, how its documents and blobs are made."""

    target: str
    tags: tuple[Reference, ...] = ()
    files: tuple[FileOutput, ...] = ()
    names: tuple[Reference, ...] = ()
    docker: bool = False
    annotations: Mapping[str, str] | None = None
    compression: str = "gzip"
    level: int = 1
    source_date: str | None = None
    rewrite: bool = True
    """Whether an epoch also dates the files of layers. The peer does so only when asked; then two builds differ."""

    def epoch(self, image: Image) -> int | None:
        """What no time of the image may exceed: the output's own, else the build's SOURCE_DATE_EPOCH."""
        return image.epoch if self.source_date is None else epoch_of(self.source_date)

    def latest_file(self, image: Image) -> int | None:
        """The same for files in layers."""
        return self.epoch(image) if self.rewrite else None


def job_of(target: Target, push: bool) -> Job | None:
    """None when the image just stays in the store. Raises InputError for an output that cannot be written yet."""
    names = tuple(parse_reference(tag).with_default_tag() for tag in target.tags)
    files = tuple(f for number, row in enumerate(target.output) if (f := _file(target, number, row)) is not None)
    wanted = (push and target.push != "never") or target.push == "always" or any(map(_pushes, target.output))
    tags = names if wanted else ()
    if not tags and not files:
        return None
    row = _merged(target)
    source_date = str(row["source-date-epoch"]) if "source-date-epoch" in row else None
    epoch_of(source_date or "", target.span("output"))
    docker = row.get("media-types") == "docker" or _flag(row, "oci-mediatypes", True) is False
    level = row.get("compression-level")
    return Job(
        target.name,
        tags,
        files,
        names,
        docker,
        dict(target.annotations) or None,
        _compression(row),
        int(str(level)) if level is not None else 1,
        source_date,
        _flag(row, "rewrite-timestamp", True),
    )


def _merged(target: Target) -> dict[str, object]:
    """The options of all image outputs; a later entry wins."""
    return {key: value for row in target.output for key, value in row.items()}


def _compression(row: Mapping[str, object]) -> str:
    name = str(row.get("compression", "gzip"))
    return "none" if name in ("none", "uncompressed") else name


def _pushes(row: Table) -> bool:
    return row.get("type") == "registry" or (row.get("type") == "image" and _flag(row, "push", False))


def _flag(row: Mapping[str, object], name: str, default: bool) -> bool:
    value = row.get(name, default)
    return value if isinstance(value, bool) else str(value).lower() in ("true", "1")


def _file(target: Target, number: int, row: Table) -> FileOutput | None:
    kind, dest, span = str(row.get("type")), str(row.get("dest") or ""), target.span(f"output[{number}]")
    if kind in _LATER:
        message = f"output of type '{kind}': {_LATER[kind]} comes with a later version"
        raise InputError(Diagnostic("not-yet", message, span, 'use type = "oci" or "docker"'))
    if kind not in ("oci", "docker"):
        return None
    if not dest or dest == "-":
        message = f"output of type '{kind}' needs `dest`, the file to write"
        raise InputError(Diagnostic("no-dest", message, span, 'dest = "image.tar"'))
    return FileOutput(kind, Path(target.root, dest), _flag(row, "tar", True))
