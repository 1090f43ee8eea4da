"""Loading built images into an engine of this host (`--load`, outputs of type docker without `dest`)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import anyio
from anyio import from_thread, to_thread

from bake.app.docker_context import engine_address
from bake.app.documents import Delivered, Documents
from bake.app.jobs import Job
from bake.app.outputs import Load
from bake.app.session import Session
from bake.engine.buildkit.dial import Dialer
from bake.errors import Diagnostic, HostError, InputError
from bake.events import DiagnosticFound, Event
from bake.export.engine_api import EngineApi
from bake.export.load_docker import load_docker
from bake.export.load_podman import load_podman
from bake.image.assemble import Assembled
from bake.oci.model import Descriptor
from bake.oci.platform import Platform, parse_platform
from bake.render.diagnostics import info_of

Emit = Callable[[Event], None]


async def load_images(session: Session, documents: Documents, job: Job, made: Delivered, emit: Emit) -> None:
    """Does all loads of a job. Raises HostError, InputError."""
    for load in job.loads:
        engine = load.engine or await to_thread.run_sync(engine_of, session)
        found = await (_docker if engine == "docker" else _podman)(session, documents, job, made, load)
        emit(DiagnosticFound(diagnostic=info_of(Diagnostic("loaded", found, severity="info"))))


def engine_of(session: Session) -> str:
    """The one that the settings name, else Docker where it answers, else podman where it is. Raises HostError."""
    asked = session.settings.load
    if asked in ("docker", "podman"):
        return asked
    if asked:
        raise InputError(Diagnostic("bad-setting", f"load: there is no engine '{asked}'", hint="docker or podman"))
    address = engine_address(session.environment)
    try:
        Dialer(address).open().close()
        return "docker"
    except HostError as error:
        if shutil.which("podman", path=session.environment.get("PATH")):
            return "podman"
        message = f"there is nothing to load into: {error}; podman is not installed"
        hint = "start a Docker Engine, set DOCKER_HOST, or install podman and skopeo"
        raise HostError(Diagnostic("no-load-engine", message, hint=hint)) from None


async def _docker(session: Session, documents: Documents, job: Job, made: Delivered, load: Load) -> str:
    dialer = Dialer(engine_address(session.environment, load.context))
    api = EngineApi(dialer.open_secure, dialer.address.text)

    def content(blob: Descriptor) -> Path:
        return from_thread.run(documents.content, blob)

    def work() -> str:
        version = api.version()
        image = _of_platform(made, parse_platform(f"{version.get('Os', 'linux')}/{version.get('Arch', '')}"), job)
        done = load_docker(api, image, job.names, content)
        names = ", ".join(done.names) or done.image
        return f"loaded {names} into the Docker Engine at {api.place}: {done.sent} of {done.layers} layers sent"

    try:
        return await to_thread.run_sync(work)
    finally:
        await to_thread.run_sync(dialer.close)


async def _podman(session: Session, documents: Documents, job: Job, made: Delivered, load: Load) -> str:
    assert load.engine != "docker"
    image = _of_platform(made, session.platform, job)
    blobs = (*image.layers, image.config_descriptor)
    paths: dict[str, Path] = {blob.digest: await documents.content(blob) for blob in blobs}
    place = session.store.layers.scratch()
    variables = {**os.environ, **session.environment}
    try:
        await to_thread.run_sync(load_podman, image, job.names, paths, place, variables)
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(lambda: shutil.rmtree(place, ignore_errors=True))
    names = ", ".join(name.familiar for name in job.names) or image.config_descriptor.digest
    return f"loaded {names} into podman's storage"


def _of_platform(made: Delivered, platform: Platform, job: Job) -> Assembled:
    """The image that the engine can run; the only one there is in any case. Engines hold no indexes of our making."""
    if len(made.images) == 1:
        return made.images[0]
    fitting = next((image for image in made.images if image.image.platform.matches(platform)), None)
    if fitting is None:
        message = f"'{job.target}' has no image for {platform}, which the engine runs"
        raise HostError(Diagnostic("load-failed", message, hint="build one platform only"))
    return fitting
