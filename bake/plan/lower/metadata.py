"""Instructions that only change the image's config (reference/dockerfile.md §9, §10.1)."""

from __future__ import annotations

from bake.dockerfile import instructions as df
from bake.dockerfile.forms import FORMS, place_of
from bake.dockerfile.ports import expand_ports
from bake.dockerfile.signals import parse_signal
from bake.errors import Diagnostic, InputError
from bake.oci.model import Healthcheck
from bake.plan import golang
from bake.plan.lower.stage import StageBuilder


def _argv(stage: StageBuilder, command: df.Command) -> tuple[str, ...]:
    return (*stage.shell, command.shell) if command.shell is not None else command.words


def lower_cmd(stage: StageBuilder, instruction: df.Cmd) -> None:
    words = _argv(stage, instruction.command)
    stage.set(cmd=words or None, args_escaped=True)  # an empty one is none, as for ENTRYPOINT
    stage.cmd_given = True
    stage.note("CMD " + golang.quoted_list(words))


def lower_entrypoint(stage: StageBuilder, instruction: df.Entrypoint) -> None:
    """A CMD that came with the base is dropped, one of this stage stays."""
    words = _argv(stage, instruction.command)
    stage.set(entrypoint=words or None)
    if not stage.cmd_given:
        stage.set(cmd=None)
    stage.note("ENTRYPOINT " + golang.quoted_list(words))


def lower_shell(stage: StageBuilder, instruction: df.Shell) -> None:
    stage.set(shell=instruction.words)
    stage.note("SHELL " + golang.plain_list(instruction.words))


def lower_user(stage: StageBuilder, instruction: df.User) -> None:
    user = stage.word(instruction.user, instruction.span)
    stage.set(user=user)
    stage.note(f"USER {user}")


def lower_stopsignal(stage: StageBuilder, instruction: df.Stopsignal) -> None:
    signal = stage.word(instruction.signal, instruction.span)
    try:
        parse_signal(signal)
    except ValueError as error:
        hint = "use a number or a name, such as SIGTERM"
        place = place_of(instruction.span, instruction.signal)
        raise InputError(Diagnostic("bad-signal", str(error), place, hint)) from None
    stage.set(stop_signal=signal)
    stage.note(f"STOPSIGNAL {signal}")


def lower_maintainer(stage: StageBuilder, instruction: df.Maintainer) -> None:
    stage.author = instruction.name
    stage.note(f"MAINTAINER {instruction.name}")


def lower_volume(stage: StageBuilder, instruction: df.Volume) -> None:
    paths = [stage.word(path, instruction.span).strip() for path in instruction.paths]
    for path, written in zip(paths, instruction.paths, strict=True):
        if not path:
            place = place_of(instruction.span, written)
            message = "VOLUME specified can not be an empty string"
            raise InputError(Diagnostic("empty-volume", message, place, FORMS["VOLUME"]))
    stage.set(volumes={**(stage.config.volumes or {}), **{path: {} for path in paths}})
    stage.note("VOLUME " + golang.plain_list(paths))


def lower_expose(stage: StageBuilder, instruction: df.Expose) -> None:
    words = [(word, port) for port in sorted(instruction.ports) for word in stage.words(port, instruction.span)]
    for word, port in words:
        try:
            expand_ports([word])
        except ValueError as error:
            place = place_of(instruction.span, port)
            raise InputError(Diagnostic("bad-port", str(error), place, FORMS["EXPOSE"])) from None
    ports = expand_ports([word for word, _ in words])
    stage.set(exposed_ports={**(stage.config.exposed_ports or {}), **{port: {} for port in ports}})
    stage.note("EXPOSE " + golang.plain_list(ports))


def lower_healthcheck(stage: StageBuilder, instruction: df.Healthcheck) -> None:
    command = instruction.command
    if command is None:
        check = Healthcheck(test=("NONE",))
    else:
        test = ("CMD-SHELL", command.shell) if command.shell is not None else ("CMD", *command.words)
        check = Healthcheck(
            test, instruction.interval, instruction.timeout, instruction.start_period,
            instruction.start_interval, instruction.retries,
        )  # fmt: skip
    stage.set(healthcheck=check)
    times = (check.interval, check.timeout, check.start_period, check.start_interval)
    shown = " ".join(golang.quote(golang.duration(time)) for time in times)
    stage.note(f"HEALTHCHECK &{{{golang.quoted_list(check.test)} {shown} {golang.quoted_rune(check.retries)}}}")


def lower_onbuild(stage: StageBuilder, instruction: df.Onbuild) -> None:
    stage.onbuild.append(instruction.trigger)
