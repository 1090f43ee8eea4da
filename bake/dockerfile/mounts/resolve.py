"""Options → one kind of mount with its defaults; what BuildKit overlooks for a kind is overlooked here too."""

from __future__ import annotations

from collections.abc import Callable
from posixpath import basename
from typing import cast

from bake.dockerfile.instructions import Mount
from bake.dockerfile.mounts.kinds import (
    BindMount,
    CacheMount,
    ResolvedMount,
    SecretMount,
    Sharing,
    SshMount,
    TmpfsMount,
)
from bake.dockerfile.mounts.options import Options, read_options, wrong
from bake.dockerfile.paths import clean


def resolve_mount(mount: Mount, expand: Callable[[str], str]) -> ResolvedMount:
    """The mount with its values expanded and its defaults filled in. Raises InputError at the option that is wrong."""
    options = read_options(mount, expand)
    if options.type not in ("cache", "secret", "ssh"):
        for name in ("mode", "uid", "gid"):
            if getattr(options, name) is not None:
                raise wrong(f'{name} not allowed for "{options.type}" type mounts', mount.at(name))
    made = _BUILDERS[options.type](options, mount)
    if options.sharing is not None and options.type != "cache":
        raise wrong(f"invalid cache sharing set for {options.type} mount", mount.at("sharing"))
    return made


def _bind(options: Options, _: Mount) -> BindMount:
    return BindMount(options.target, options.source or "/", options.from_ or None, options.readonly is not False)


def _cache(options: Options, _: Mount) -> CacheMount:
    return CacheMount(
        target=options.target,
        id=options.id or clean(options.target),
        sharing=cast(Sharing, options.sharing or "shared"),
        from_=options.from_ or None,
        source=options.source or "/",
        mode=_or(options.mode, 0o755),
        uid=_or(options.uid, 0),
        gid=_or(options.gid, 0),
        readonly=options.readonly is True,
    )


def _tmpfs(options: Options, _: Mount) -> TmpfsMount:
    return TmpfsMount(options.target, options.size)


def _secret(options: Options, mount: Mount) -> SecretMount:
    if options.from_:
        raise wrong("secret mount should not have a from", mount.at("from"))
    if options.sharing is not None:
        raise wrong("secret mount should not define sharing", mount.at("sharing"))
    if options.source and options.id:
        raise wrong("both source and id can't be set", mount.at("source", "src"), "keep id")
    id = options.id or options.source or basename(options.target)
    if not id:
        raise wrong("invalid secret mount. one of source, target required", mount.span, "add id=NAME")
    target = options.target
    if not target and options.env is None:
        target = f"/run/secrets/{basename(id)}"
    env = None if options.env is None else options.env or id
    return SecretMount(id, target, env, *_owner(options, 0o400), required=options.required)


def _ssh(options: Options, mount: Mount) -> SshMount:
    if options.source:
        raise wrong("ssh does not support source", mount.at("source", "src"), "id=NAME chooses an agent")
    return SshMount(options.id or "default", options.target, *_owner(options, 0o600), required=options.required)


def _owner(options: Options, mode: int) -> tuple[int, int, int]:
    """(mode, uid, gid)."""
    return _or(options.mode, mode), _or(options.uid, 0), _or(options.gid, 0)


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


_BUILDERS: dict[str, Callable[[Options, Mount], ResolvedMount]] = {
    "bind": _bind, "cache": _cache, "tmpfs": _tmpfs, "secret": _secret, "ssh": _ssh,
}  # fmt: skip
