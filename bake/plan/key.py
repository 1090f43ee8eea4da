"""The key of a step, made of named parts: operation, variables, content of what it reads (DESIGN §2).

The parts are kept beside the key, so that "why was this missed" is a comparison of two small tables. What never enters:
secrets, ssh, proxies, addresses of extra hosts, timeouts, limits, times of files (reference/cache.md §3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from posixpath import basename

import msgspec

from bake.plan.glob import has_wildcard
from bake.plan.step import (
    BindMount,
    CacheMount,
    CopyAction,
    CopyOp,
    ExecMount,
    ExecOp,
    FrontendInput,
    FrontendOp,
    MkdirOp,
    SecretMount,
    SshMount,
    Step,
    TmpfsMount,
)

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
"""Build arguments that every step gets, and that never count."""

Parts = Mapping[str, str]
Digest = Callable[[int, CopyAction], str]
"""The content that an action selects from input number n."""

FILE = "file."
"""Parts with this prefix say which files a content digest was made of; they explain, and are not hashed."""
BASE = "told.base"
"""`NAME:TAG@DIGEST` of the base image, or `stage NAME`, `target NAME`; it explains, and is not hashed: what is in it
is in `base`."""
_NOT_HASHED = (FILE, BASE)


def key_of(parts: Parts) -> str:
    """sha256 hex over the parts that count."""
    counted = sorted((name, value) for name, value in parts.items() if not name.startswith(_NOT_HASHED))
    return hashlib.sha256(msgspec.json.encode(counted)).hexdigest()


def parts_of(step: Step, parent: str, on_base: bool, digest: Digest, sensitive: Sequence[str] = ()) -> dict[str, str]:
    """The parts of a layer step. `parent`: content id of input 0; `on_base`: input 0 is what the stage is FROM.

    A front end stands on nothing: what it reads are parts by name. `sensitive` values are replaced by a hash wherever
    they occur.
    """
    parts = {"base" if on_base else "parent": parent}
    match step.op:
        case CopyOp():
            parts |= _copy(step.op, digest)
        case MkdirOp():
            parts["instruction"] = _text(step.op)
        case ExecOp():
            parts |= _exec(step.op, digest)
            parts["platform"] = step.platform
        case FrontendOp():
            parts = {**_frontend(step.op, digest), "platform": step.platform}
        case _:
            raise TypeError(f"{type(step.op).__name__} has no key")
    return {name: _hidden(value, sensitive) for name, value in parts.items()} if sensitive else parts


def selector(action: CopyAction) -> str:
    """What of a source tree an action reads, as text: equal selectors on equal content have equal digests."""
    return _text(CopyAction(0, action.source, "", exclude=action.exclude, parents=action.parents))


def reads(step: Step) -> list[tuple[str, CopyAction]]:
    """(part name, action) for each source content that enters the key."""
    if isinstance(step.op, CopyOp):
        return [(f"source.{number}", action) for number, action in enumerate(step.op.actions)]
    if isinstance(step.op, ExecOp):
        mounts = [m for m in step.op.mounts if isinstance(m, BindMount)]
        return [(f"content.{m.target}", CopyAction(m.input, m.source or "/", "/")) for m in mounts]
    if isinstance(step.op, FrontendOp):
        return [(_read_by(given), CopyAction(number, "/", "/")) for number, given in enumerate(step.op.given)]
    return []


def _copy(op: CopyOp, digest: Digest) -> dict[str, str]:
    # Only the last component of a source's path counts: the same file found elsewhere is the same copy.
    named = [
        msgspec.structs.replace(a, source=a.source if a.parents or has_wildcard(a.source) else basename(a.source))
        for a in op.actions
    ]
    contents = {f"source.{number}": digest(action.input, action) for number, action in enumerate(op.actions)}
    return {"instruction": _text(named), **contents}


def _exec(op: ExecOp, digest: Digest) -> dict[str, str]:
    parts = {"instruction": _text(op.args), "cwd": op.cwd, "user": op.user}
    for name, value in op.env:
        parts[f"{'arg' if name in op.arguments else 'env'}.{name}"] = value
    for mount in op.mounts:
        parts[f"mount.{_mount_name(mount)}"] = _text(_keyed(mount))
        if isinstance(mount, BindMount):
            parts[f"content.{mount.target}"] = digest(mount.input, CopyAction(mount.input, mount.source or "/", "/"))
    options = (op.network, op.security, op.hostname, op.hosts, op.shm_size, op.ulimits)
    parts["options"] = _text(options)
    if op.files:
        parts["script"] = _text(op.files)
    return parts


def _frontend(op: FrontendOp, digest: Digest) -> dict[str, str]:
    parts = {"frontend": f"{op.reference}@{op.manifest}", "written": op.text}
    for name, value in op.options:
        kind, colon, rest = name.partition(":")
        if kind == "build-arg" and rest.upper() not in PROXIES:
            parts[f"arg.{rest}"] = value
        elif not colon or kind != "build-arg":
            parts[f"option.{name}"] = value
    parts.pop("option.add-hosts", None)
    parts |= {_read_by(given): digest(number, CopyAction(number, "/", "/")) for number, given in enumerate(op.given)}
    parts |= {f"config.{given.name}": given.config for given in op.given if given.config}
    parts["options"] = _text((op.secrets, op.ssh, op.entitlements))
    return parts


def _read_by(given: FrontendInput) -> str:
    return f"source.{given.name}"


def _mount_name(mount: ExecMount) -> str:
    return mount.target or getattr(mount, "env", "")


def _keyed(mount: ExecMount) -> ExecMount:
    """A mount less what may change without a rerun: a cache's id, sharing and content, a bind's place in the source."""
    match mount:
        case CacheMount():
            named = "" if _is_default(mount) else "named"
            return CacheMount(mount.target, named, "shared", -1, "", mount.mode, mount.uid, mount.gid, mount.readonly)
        case BindMount():
            return BindMount(mount.target, 0, "", mount.writable)
        case TmpfsMount() | SecretMount() | SshMount():
            return mount


def _is_default(mount: CacheMount) -> bool:
    """Whether a cache is shared under its target's name, in a namespace or not (reference/cache.md §3)."""
    return mount.sharing == "shared" and (mount.id == mount.target or mount.id.endswith(f"/{mount.target}"))


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _hidden(value: str, sensitive: Sequence[str]) -> str:
    for secret in sensitive:
        if secret and secret in value:
            value = value.replace(secret, "sha256:" + hashlib.sha256(secret.encode()).hexdigest())
    return value
