"""`bake run`: a command in a built image, in the same sandbox as its RUN steps, on this terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bake.app.building import build
from bake.app.loading import load
from bake.app.notices import Emit
from bake.app.options import Options
from bake.app.results import Built, decode, name_of
from bake.app.session import Session
from bake.errors import Diagnostic, InputError
from bake.oci.platform import Platform, parse_platform
from bake.plan.compile import platforms_of
from bake.ports.engine import Process


async def run(
    options: Options,
    target: str,
    args: Sequence[str],
    on_event: Emit,
    *,
    entrypoint: str | None = None,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    workdir: str | None = None,
    platform: str | None = None,
) -> int:
    """Builds `target` if need be and runs it; returns the exit code of the command, or of a failed build.

    `args` replace CMD, `entrypoint` replaces ENTRYPOINT and drops CMD (as docker run does). `platform` chooses one of
    several images; else that of this host is taken, or the only one there is.
    """
    options = replace(options, names=(target,), push=False, load=False, fetch=True, outputs=("type=cacheonly",))
    result = await build(options, on_event)
    if result.errors:
        raise result.errors[0]
    with Session(options) as session:
        record = _record(session, target, platform)
        run = record.config.config
        process = Process(
            args=_command(record, args, entrypoint),
            env=tuple({**_variables(record), **(env or {})}.items()),
            cwd=workdir or run.working_dir or "/",
            user=user if user is not None else run.user,
            terminal=sys.stdin.isatty() and sys.stdout.isatty(),
            platform=record.platform,
        )
        engine = session.engine
        try:
            return await engine.interact(record.state, process)
        finally:
            await engine.close()


def _record(session: Session, target: str, asked: str | None) -> Built:
    loaded = load(session)
    if len(loaded.targets) != 1:
        names = ", ".join(loaded.targets)
        raise InputError(Diagnostic("many-targets", f"'{target}' stands for {names}", hint="name one of them"))
    name, spec = next(iter(loaded.targets.items()))
    platform = _platform(platforms_of(spec, session.platform), session.platform, asked)
    record = decode(session.store.results.load(name_of(loaded.root, name, str(platform)))) if platform else None
    if record is None:
        built = ", ".join(map(str, platforms_of(spec, session.platform)))
        message = f"'{name}' is not built for {asked or session.platform}"
        raise InputError(Diagnostic("no-platform", message, hint=f"choose with --platform: {built}"))
    return record


def _platform(there: Sequence[Platform], host: Platform, asked: str | None) -> Platform | None:
    if asked is not None:
        try:
            wanted = parse_platform(asked)
        except ValueError as error:
            raise InputError(Diagnostic("bad-platform", str(error))) from None
        return wanted if wanted in there else None
    fitting = next((platform for platform in there if platform.matches(host)), None)
    return fitting or (there[0] if len(there) == 1 else None)


def _command(record: Built, args: Sequence[str], entrypoint: str | None) -> tuple[str, ...]:
    run = record.config.config
    head = (entrypoint,) if entrypoint is not None else run.entrypoint or ()
    tail = tuple(args) or (() if entrypoint is not None else run.cmd or ())
    if not head and not tail:
        message = f"'{record.target}' has neither CMD nor ENTRYPOINT"
        raise InputError(Diagnostic("no-command", message, hint="name a command: bake run TARGET -- COMMAND"))
    return (*head, *tail)


def _variables(record: Built) -> dict[str, str]:
    pairs = [item.partition("=") for item in record.config.config.env or ()]
    return {name: value for name, _, value in pairs}
