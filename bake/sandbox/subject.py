"""What of an execution depends on the root it runs on: who it runs as, in which directory, with which HOME."""

from __future__ import annotations

from dataclasses import replace

from bake.ports.sandbox import Execution, StartFailed
from bake.sandbox.ids import IdMap
from bake.sandbox.inroot import make_directory, read_text
from bake.sandbox.users import Identity, UnknownUser, identify


def identity_of(root: str, execution: Execution, ids: IdMap) -> Identity:
    """Who the step runs as. Raises StartFailed for an unknown user, or one that this host cannot be.

    Where there is one id only, everybody is root, as after the calls that the seccomp profile answers in that case.
    """
    try:
        found = identify(execution.user, read_text(root, "/etc/passwd"), read_text(root, "/etc/group"))
    except UnknownUser as error:
        raise StartFailed(str(error)) from None
    if ids.single:
        return replace(found, uid=0, gid=0, groups=(0,))
    unmapped = [f"user {found.uid}"] if not ids.has_uid(found.uid) else []
    unmapped += [f"group {gid}" for gid in found.groups if not ids.has_gid(gid)]
    if unmapped:
        message = f"{', '.join(unmapped)}: not among the ids granted to you in /etc/subuid and /etc/subgid"
        raise StartFailed(f"{message}; grant 65536 ids, or build as root")
    return found


def enter(root: str, execution: Execution, identity: Identity) -> Execution:
    """Makes the working directory where it is missing (0755, the user's), and sets HOME unless the step does.

    Raises StartFailed.
    """
    cwd = execution.cwd or "/"
    try:
        make_directory(root, cwd, identity.uid, identity.gid)
    except OSError as error:
        raise StartFailed(f"cannot make the working directory {cwd}: {error.strerror}") from None
    env = (
        execution.env if any(name == "HOME" for name, _ in execution.env) else (*execution.env, ("HOME", identity.home))
    )
    _check_texts((*execution.args, cwd, *(f"{name}={value}" for name, value in env)))
    return replace(execution, cwd=cwd, env=env)


def _check_texts(texts: tuple[str, ...]) -> None:
    for text in texts:
        if "\0" in text:
            raise StartFailed("a NUL character in the command or environment")
