"""RUN (reference/dockerfile.md §2, §7)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from bake.dockerfile import mounts as df
from bake.dockerfile.forms import place_of
from bake.dockerfile.instructions import Heredoc, Mount, Run
from bake.dockerfile.paths import clean
from bake.errors import Diagnostic, InputError
from bake.plan.lower.stage import StageBuilder
from bake.plan.origin import Word
from bake.plan.step import (
    BindMount,
    CacheMount,
    CopyAction,
    ExecMount,
    ExecOp,
    SecretMount,
    SshMount,
    StepId,
    TmpfsMount,
    WrittenFile,
)


def lower_run(stage: StageBuilder, instruction: Run) -> None:
    if instruction.devices:
        message = "RUN --device: no engine of bake gives devices to steps"
        hint = "remove the flag, or use `docker buildx build` for this image"
        place = place_of(instruction.span, *(f"--device={device}" for device in instruction.devices))
        raise InputError(Diagnostic("no-device", message, place, hint))
    target = stage.world.target
    if instruction.security == "insecure":
        _need("security.insecure", "--security=insecure", stage, instruction)
    if instruction.network == "host" and target.network != "host":
        _need("network.host", "--network=host", stage, instruction)
    argv, files = _command(stage, instruction)
    inputs: list[StepId] = [stage.step]
    mounts: list[ExecMount] = []
    words: list[Word] = []
    for written in instruction.mounts:
        mounts.append(_mount(stage, written, _resolved(stage, written), inputs, mounts))
        words += _words(written, mounts[-1])
    names = dict.fromkeys([*stage.env, *(name for name in stage.args if name in stage.scope)])
    arguments = tuple(name for name in stage.args if name in stage.scope and name not in stage.env)
    op = ExecOp(
        args=argv,
        env=tuple((name, stage.scope[name]) for name in names),
        arguments=arguments,
        cwd=stage.workdir,
        user=stage.config.user,
        network=_network(stage, instruction),
        security="insecure" if instruction.security == "insecure" else "sandbox",
        hostname=stage.world.build_args.get("BUILDKIT_SANDBOX_HOSTNAME") or "buildkitsandbox",
        mounts=tuple(mounts),
        files=files,
        hosts=tuple(sorted(target.extra_hosts)),
        shm_size=target.shm_size or 64 << 20,
        ulimits=target.ulimits,
    )
    shown = instruction.text if instruction.command.shell is not None else " ".join(argv)
    stage.layer(op, tuple(inputs), instruction, f"RUN {shown}", _created_by(stage, argv), words=tuple(words))


def _need(entitlement: str, flag: str, stage: StageBuilder, instruction: Run) -> None:
    """What a Dockerfile may not take by itself (§7.2). `network = "host"` of a target allows it as well."""
    if entitlement not in stage.world.target.entitlements:
        hint = f'add entitlements = ["{entitlement}"] to the target, if you trust the Dockerfile'
        place = place_of(instruction.span, flag)
        raise InputError(Diagnostic("not-entitled", f"{entitlement} is not allowed", place, hint))


def _command(stage: StageBuilder, instruction: Run) -> tuple[tuple[str, ...], tuple[WrittenFile, ...]]:
    """argv, and the script file of a heredoc with `#!` (§2), which must stand at the very front, before any tab."""
    text = instruction.command.shell
    if text is None:
        return instruction.command.words, ()
    heredocs = instruction.heredocs
    if heredocs and _is_only_heredoc(text):
        body = _body(heredocs[0])
        if heredocs[0].body.startswith("#!"):
            path = f"/dev/pipes/{heredocs[0].name}"
            return (*stage.shell, path), (WrittenFile(path, body, 0o755),)
        return (*stage.shell, body), ()
    whole = text + "".join(f"\n{heredoc.body}{heredoc.name}" for heredoc in heredocs)
    return (*stage.shell, whole), ()


def _is_only_heredoc(text: str) -> bool:
    found = re.fullmatch(r"\d*<<-?\s*([^<]*)", text.strip())
    return found is not None and re.fullmatch(r"""(?:'[^']*'|"[^"]*"|\\.|[^\s'"\\])+""", found[1].strip()) is not None


def _body(heredoc: Heredoc) -> str:
    return re.sub(r"(?m)^\t+", "", heredoc.body) if heredoc.chomp else heredoc.body


def _created_by(stage: StageBuilder, argv: tuple[str, ...]) -> str:
    listed = "".join(f"{name}={value or stage.scope.get(name, '')} " for name, value in stage.args.items())
    return f"RUN {f'|{len(stage.args)} {listed}' if stage.args else ''}{' '.join(argv)} # buildkit"


def _network(stage: StageBuilder, instruction: Run) -> Literal["default", "none", "host"]:
    """The instruction's own mode, else the target's."""
    asked = instruction.network if instruction.network != "default" else stage.world.target.network
    return "none" if asked == "none" else "host" if asked == "host" else "default"


def _resolved(stage: StageBuilder, mount: Mount) -> df.ResolvedMount:
    return df.resolve_mount(mount, lambda text: stage.word(text, mount.span))


def _words(written: Mount, mount: ExecMount) -> Iterator[Word]:
    """What the step may fail over."""
    match mount:
        case BindMount():
            yield Word("source", f'"{mount.source}"', written.at("source", "src"))
        case SecretMount():
            yield Word("secret", f"secret {mount.id}:", written.at("id", "source", "src", "target", "dst"))
        case SshMount():
            yield Word("ssh", f"ssh agent {mount.id}:", written.at("id"))


def _mount(
    stage: StageBuilder, written: Mount, mount: df.ResolvedMount, inputs: list[StepId], earlier: Sequence[ExecMount]
) -> ExecMount:
    match mount:
        case df.BindMount():
            source = _source(stage, written, mount.from_)
            number = _number(inputs, source)
            path = clean("/" + mount.source)
            stage.world.reads(source, CopyAction(number, path, "/"), written.at("from"))
            return BindMount(_target(stage, mount.target, written), number, path, not mount.readonly)
        case df.CacheMount():
            number = -1
            if mount.from_:
                number = _number(inputs, _source(stage, written, mount.from_))
            space = stage.world.build_args.get("BUILDKIT_CACHE_MOUNT_NS")
            name = f"{space}/{mount.id}" if space else mount.id
            return CacheMount(
                _target(stage, mount.target, written), name, mount.sharing, number,
                clean("/" + mount.source), mount.mode, mount.uid, mount.gid, mount.readonly,
            )  # fmt: skip
        case df.TmpfsMount():
            return TmpfsMount(_target(stage, mount.target, written), mount.size)
        case df.SecretMount():
            target = _target(stage, mount.target, written) if mount.target else ""
            return SecretMount(mount.id, target, mount.env or "", mount.mode, mount.uid, mount.gid, mount.required)
        case df.SshMount():
            number = sum(isinstance(m, SshMount) for m in earlier)
            target = _target(stage, mount.target or f"/run/buildkit/ssh_agent.{number}", written)
            return SshMount(mount.id, target, mount.mode, mount.uid, mount.gid, mount.required)


def _source(stage: StageBuilder, mount: Mount, name: str | None) -> StepId:
    if name:
        return stage.world.source(name, stage, mount.at("from"), False)
    return stage.world.context()


def _number(inputs: list[StepId], source: StepId) -> int:
    if source not in inputs[1:]:
        inputs.append(source)
    return inputs.index(source, 1)


def _target(stage: StageBuilder, target: str, mount: Mount) -> str:
    path = clean(target if target.startswith("/") else f"{stage.workdir}/{target}")
    path = "/" + path.lstrip("/")
    if path == "/":
        hint = "target=/PATH below the root"
        place = mount.at("target", "dst", "destination")
        raise InputError(Diagnostic("bad-mount", f'invalid mount target "{target}"', place, hint))
    return path
