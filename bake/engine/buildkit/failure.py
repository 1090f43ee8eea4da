"""What a builder says when a solve fails → errors of ours: which step, which cause, what to do. Pure but for types."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from shlex import quote

from bake.engine.buildkit.capabilities import refusal
from bake.errors import BakeError, Diagnostic, HostError, InputError, RemoteError, StepError, StepFailed
from bake.oci.reference import parse_reference
from bake.plan.step import CopyOp, ExecOp, FrontendOp, Step

_EXIT = re.compile(r"exit code:? (\d+)")
_MISSING = re.compile(r'("/[^"]*"):? not found')
_FILES = (
    (r"Error processing tar file|failed to unpack|invalid (hardlink target|entry name)", "bad-archive"),
    (r"^link(at)? .*: no such file|path escapes from parent", "bad-archive"),
    (r"non-directory|not a directory|cannot replace to directory", "bad-copy"),
    (r"invalid user index|unable to (find|convert) (user|uid|group)|no matching entries", "bad-owner"),
)
_MERGED = re.compile(r"/\S*?/(?:merged|diff|buildkit-mount\d+|cnt)(?=/)")
"""A builder's own place for a root file system, within which paths mean something."""
_WRAPPED = re.compile(r"^(?:(?:rpc error: code = \w+ desc = )|(?:failed to solve(?: with frontend [\w.]+)?: ))+")
"""What builders put before a front end's own text."""
_NO_CAP = re.compile(r"unsupported frontend capability (\S+)")
_CAPS = {
    "moby.buildkit.frontend.inputs": "contexts that are targets",
    "moby.buildkit.frontend.contexts": "named contexts",
}
_PULL = ("failed to resolve source metadata", "pull access denied", "failed to authorize", "manifest unknown")


def failure(text: str, step: Step | None, exit_code: int | None, address: str) -> BakeError:
    """The error of a solve that ended in `text`; `step` is the step whose vertex failed, None when none of ours did."""
    known = refusal(text, address)
    if known is not None:
        return known
    if step is None:
        return _builders(text, address)
    if isinstance(step.op, ExecOp):
        return _run(text, step.op, exit_code)
    if isinstance(step.op, FrontendOp):
        return frontend_failed(text, step.op, exit_code)
    if owner := _unknown_owner(text, step):
        hint = "use numbers, or make the user first"
        message = f"--chown={owner}: {_short(_MERGED.sub('', text))}"
        return StepError(Diagnostic("bad-owner", message, hint=hint))
    found = _MISSING.search(text)
    if found:
        message = f"{found[1]}: not found"
        hint = "check the path, and the stage or image that it is copied from"
        return StepError(Diagnostic("missing-source", message, hint=hint))
    code = next((code for pattern, code in _FILES if re.search(pattern, text)), "step-failed")
    return StepError(Diagnostic(code, _short(_MERGED.sub("", text))))


def frontend_failed(text: str, op: FrontendOp, exit_code: int | None = None) -> BakeError:
    """The error of a front end, or of a step that it asked for: in its own words."""
    text = _WRAPPED.sub("", text)
    found = _NO_CAP.search(text)
    if found:
        message = f"the front end {op.reference} is too old for {_CAPS.get(found[1], found[1])}"
        return StepError(Diagnostic("frontend-failed", message, hint="use a newer image of it, or do without"))
    pulls = any(part in text for part in _PULL) or f"docker-image://{parse_reference(op.reference).repository}" in text
    if pulls and exit_code is None:
        message = f"front end {op.reference}: the builder cannot pull: {_short(text)}"
        return RemoteError(Diagnostic("pull-failed", message, hint=_PULL_HINT))
    error = Diagnostic("frontend-failed", f"front end {op.reference}: {_short(text)}")
    return StepFailed(error, exit_code) if exit_code is not None else StepError(error)


def _unknown_owner(text: str, step: Step) -> str:
    """The owner by name that could not be looked up, as the text tells."""
    if not isinstance(step.op, CopyOp) or not re.search(r"/etc/(passwd|group)|invalid user|no matching entries", text):
        return ""
    return next((action.owner for action in step.op.actions if action.owner), "")


def exit_code_of(text: str, details: Sequence[tuple[str, bytes]]) -> int | None:
    """From the details of newer builders, else from the text."""
    import json

    for kind, value in details:
        if kind.endswith("ExitMessage+json"):
            return int(json.loads(value).get("Code", 0))
    found = _EXIT.search(text)
    return int(found[1]) if found else None


def vertex_of(details: Sequence[tuple[str, bytes]]) -> str:
    """The digest of the vertex that failed, as newer builders name it; "" otherwise."""
    import json

    for kind, value in details:
        if kind.endswith("errdefs.Vertex+json"):
            found: Mapping[str, str] = json.loads(value)
            return str(found.get("digest", ""))
    return ""


def _run(text: str, op: ExecOp, code: int | None) -> BakeError:
    command = quote(" ".join(op.args))
    if (code is not None and "executor failed" in text) or "did not complete successfully" in text:
        return StepFailed(Diagnostic("step-failed", f"process {command} exited with code {code}"), code)
    if "secret" in text and "not found" in text:
        hint = "give it with `secret = [{ id = …, src = … }]` in the target"
        return StepError(Diagnostic("missing-secret", _short(text), hint=hint))
    return StepFailed(Diagnostic("step-failed", f"process {command}: {_short(text)}"), code)


def _builders(text: str, address: str) -> BakeError:
    if any(part in text for part in _PULL) or "docker-image://" in text:
        return RemoteError(Diagnostic("pull-failed", f"builder {address} cannot pull: {_short(text)}", hint=_PULL_HINT))
    if "no space left" in text:
        return HostError(Diagnostic("builder-full", f"the disk of builder {address} is full", hint="prune its cache"))
    return HostError(Diagnostic("builder-failed", f"builder {address}: {_short(text)}"))


_PULL_HINT = "the builder itself must reach the registry; logins are yours"


def _short(text: str) -> str:
    return " ".join(text.split())[:500]


def unwritten(address: str, text: str) -> Diagnostic:
    """A cache that a builder could not write to a registry."""
    hint = "the builder itself must reach the registry; logins are yours"
    return Diagnostic("cache-not-written", f"builder {address} did not write the cache: {_short(text)}", hint=hint)


def lost(address: str, error: BaseException) -> HostError:
    """The error for a builder that went away while it built."""
    reason = str(getattr(error, "message", None) or "") or str(error) or type(error).__name__
    hint = "is it still running? what it has built is cached there"
    return HostError(Diagnostic("builder-lost", f"lost builder {address}: {reason}", hint=hint))


def context_changed(problem: str) -> InputError:
    """The error for files that are no longer what was planned with."""
    hint = "build again when nothing writes there"
    return InputError(Diagnostic("context-changed", f"cannot send {problem}", hint=hint))


def at_step(error: BakeError, step: Step) -> BakeError:
    """The same error, as that of a step, for who tells of it."""
    error.step = step.id  # type: ignore[attr-defined]
    return error
