"""Built images as files of this host: archives, layouts, and the plain files of an image (docs/outputs.md)."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from anyio import to_thread

from bake.app.documents import Delivered, Documents
from bake.app.jobs import Job
from bake.app.outputs import FileOutput
from bake.app.session import Session
from bake.errors import Diagnostic, HostError
from bake.events import DiagnosticFound, Event
from bake.export import EXPORTERS, Exported
from bake.image.attest.provenance import FILE as PROVENANCE
from bake.image.attest.statement import statement_json, subjects
from bake.oci.platform import Platform
from bake.ports.unload import Unload
from bake.render.diagnostics import info_of

_SHOWN = 5
Emit = Callable[[Event], None]


async def write_files(session: Session, documents: Documents, job: Job, made: Delivered, emit: Emit) -> None:
    """Writes all files of a job. Raises InputError, HostError."""
    for output in job.files:
        try:
            if output.kind == "local":
                await _spread(session, job, output, made, emit)
            else:
                await _archive(session, documents, job, output, made)
        except BrokenPipeError:
            raise  # the reader of stdout has gone, which the command line tells in its own way
        except OSError as error:
            message = f"cannot write {error.filename or output.dest}: {error.strerror}"
            raise HostError(Diagnostic("output-failed", message, hint="check `dest` of the output")) from None


async def _archive(session: Session, documents: Documents, job: Job, output: FileOutput, made: Delivered) -> None:
    """One file (or a layout's directory), made beside its place or, for stdout, in the store."""
    dest = output.dest or session.store.layers.scratch() / "archive.tar"
    if output.kind == "tar":
        await _packed(session, job, output, made, dest)
    else:
        paths: dict[str, Path] = {blob.digest: await documents.content(blob) for blob in made.blobs}
        beside: dict[str, bytes] = {each.descriptor.digest: each.manifest for each in made.attached}
        exported = Exported(made.images, made.root, made.data, paths, tuple(str(name) for name in job.names), beside)
        await to_thread.run_sync(EXPORTERS[output.kind], exported, dest, output.tar)
    if output.dest is None:
        await to_thread.run_sync(_to_stdout, dest)


def _to_stdout(archive: Path) -> None:
    sys.stdout.flush()
    with open(archive, "rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)
    sys.stdout.buffer.flush()
    shutil.rmtree(archive.parent, ignore_errors=True)


async def _packed(session: Session, job: Job, output: FileOutput, made: Delivered, dest: Path) -> None:
    dest.parent.mkdir(parents=True, exist_ok=True)
    draft = dest.with_name(f".{dest.name}.{os.getpid()}")
    try:
        await session.engine.pack(_unload(job, output, made, draft))
        os.replace(draft, dest)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


async def _spread(
    session: Session, job: Job, output: FileOutput, made: Delivered, emit: Callable[[Event], None]
) -> None:
    assert output.dest is not None, "a directory is no stream"
    left = await session.engine.spread(_unload(job, output, made, output.dest), output.delete)
    if left:
        names = ", ".join(left[:_SHOWN]) + (f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else "")
        message = f"devices and sockets are not written to {output.dest}: {names}"
        emit(DiagnosticFound(diagnostic=info_of(Diagnostic("not-written", message, severity="warning"))))


def _unload(job: Job, output: FileOutput, made: Delivered, dest: Path) -> Unload:
    """Several platforms get a directory each, unless the output says otherwise (buildx-bake.md §6.1)."""
    split = output.split if output.split is not None else len(made.finals) > 1
    states = tuple((_directory(image.platform) if split else "", state) for image, state in made.finals)
    return Unload(states, dest, tuple(_beside(job, made, split)), latest=job.form.latest_file(made.finals[0][0]))


def _beside(job: Job, made: Delivered, split: bool) -> Iterator[tuple[str, bytes]]:
    """Statements as files beside those of their platform."""
    for image, statements in zip(made.images, made.statements, strict=False):
        platform = image.image.platform
        before = f"{_directory(platform)}/" if split else f"{_directory(platform)}." if len(made.images) > 1 else ""
        subject = subjects(image.descriptor, job.names, platform)
        for statement in statements:
            if not (job.attest.inline_only and statement.file == PROVENANCE):
                yield before + statement.file, statement_json(statement, subject)


def _directory(platform: Platform) -> str:
    """`linux_arm_v7`."""
    return str(platform).replace("/", "_")
