"""`RUN --mount`: one CSV record, and what it means once its values are expanded (reference/dockerfile.md §7.1)."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from posixpath import basename, normpath
from typing import Literal, cast

from bake.dockerfile.instructions import Mount
from bake.errors import Diagnostic, InputError, Span, nearest

Sharing = Literal["shared", "private", "locked"]


@dataclass(frozen=True, slots=True)
class BindMount:
    target: str
    source: str = "/"
    from_: str | None = None
    readonly: bool = True


@dataclass(frozen=True, slots=True)
class CacheMount:
    target: str
    id: str
    sharing: Sharing = "shared"
    from_: str | None = None
    source: str = "/"
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    readonly: bool = False


@dataclass(frozen=True, slots=True)
class TmpfsMount:
    target: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class SecretMount:
    """`target` "" for one that is only a variable."""

    id: str
    target: str
    env: str | None = None
    mode: int = 0o400
    uid: int = 0
    gid: int = 0
    required: bool = False


@dataclass(frozen=True, slots=True)
class SshMount:
    """`target` "" takes the place the engine numbers."""

    id: str
    target: str
    mode: int = 0o600
    uid: int = 0
    gid: int = 0
    required: bool = False


ResolvedMount = BindMount | CacheMount | TmpfsMount | SecretMount | SshMount

_TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
_BARE = {"readonly": "readonly", "ro": "readonly", "readwrite": "readwrite", "rw": "readwrite", "required": "required"}
_ALIASES = {"target": "target", "dst": "target", "destination": "target", "source": "source", "src": "source"}
_KEYS = {
    "bind": {"target", "source", "from", "readonly", "readwrite"},
    "cache": {"target", "source", "from", "id", "sharing", "mode", "uid", "gid", "readonly", "readwrite"},
    "tmpfs": {"target", "size", "from"},
    "secret": {"target", "source", "id", "env", "mode", "uid", "gid", "required"},
    "ssh": {"target", "id", "mode", "uid", "gid", "required"},
}
_ALL = (
    "type",
    "target",
    "source",
    "from",
    "id",
    "sharing",
    "mode",
    "uid",
    "gid",
    "size",
    "env",
    "readonly",
    "required",
)


def parse_mount(text: str, span: Span) -> Mount:
    """The options as written. Raises InputError for bare fields and `from` with a variable, also in unused stages."""
    try:
        (fields,) = csv.reader([text], strict=True)
    except (csv.Error, ValueError):
        raise _wrong(f"cannot parse the mount '{text}'", span) from None
    options: list[tuple[str, str | None]] = []
    for field in fields:
        key, equals, value = field.partition("=")
        key = key.strip().lower()
        if not equals and key not in _BARE:
            raise _wrong(f"invalid field '{field}' must be a key=value pair", span)
        if key == "from" and "$" in value:
            message = f"'from' doesn't support variable expansion, define alias stage instead: {value}"
            raise _wrong(message, span)
        options.append((key, value if equals else None))
    return Mount(options=tuple(options), span=span)


def resolve_mount(mount: Mount, expand: Callable[[str], str]) -> ResolvedMount:
    """The mount with its values expanded and its defaults filled in. Raises InputError at the mount."""
    kind = next((expand(value or "").lower() for key, value in mount.options if key == "type"), "bind")
    if kind not in _TYPES:
        raise _wrong(f'unsupported mount type "{kind}"', mount.span, _near(kind, _TYPES))
    values: dict[str, str] = {}
    for key, value in mount.options:
        if key != "type":
            _take(values, kind, key, None if value is None else expand(value), mount.span)
    return _BUILDERS[kind](values, mount.span)


def _take(values: dict[str, str], kind: str, key: str, value: str | None, span: Span) -> None:
    name = _BARE.get(key) or _ALIASES.get(key) or key
    if name not in _KEYS[kind]:
        written = key if value is None else f"{key}={value}"
        if kind == "ssh" and name == "source":
            raise _wrong("ssh does not support source", span)
        if name == "sharing":
            raise _wrong(f"invalid cache sharing set for {kind} mount", span)
        if name in ("mode", "uid", "gid"):
            raise _wrong(f'{name} not allowed for "{kind}" type mounts', span)
        reason = f" for mount type '{kind}'" if name in _ALL else ""
        raise _wrong(f"unexpected key '{key}' in '{written}'{reason}", span, _near(key, sorted(_KEYS[kind])))
    values[name] = "true" if value is None else value


def _near(word: str, known: tuple[str, ...] | list[str]) -> str | None:
    near = nearest(word, known)
    return f"did you mean '{near}'?" if near else None


def _wrong(message: str, span: Span, hint: str | None = None) -> InputError:
    return InputError(Diagnostic("bad-mount", message, span, hint))


def _number(values: dict[str, str], name: str, default: int, base: int, span: Span) -> int:
    text = values.get(name)
    if text is None:
        return default
    try:
        return int(text, base)
    except ValueError:
        raise _wrong(f"invalid value {text} for {name}", span) from None


def _flag(values: dict[str, str], name: str, span: Span) -> bool:
    text = values.get(name, "false").lower()
    if text not in ("true", "false", "1", "0"):
        raise _wrong(f"invalid value {text} for {name}", span, "true or false")
    return text in ("true", "1")


def _size(text: str, span: Span) -> int:
    units = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
    digits = text.lower().removesuffix("b").removesuffix("i") or text.lower()
    unit = digits[-1:] if digits[-1:] in units else ""
    number = digits[: len(digits) - len(unit)]
    if not number.isdecimal():
        raise _wrong(f"invalid value {text} for size", span, "such as 64m")
    return int(number) * units[unit]


def _bind(values: dict[str, str], span: Span) -> BindMount:
    writable = _flag(values, "readwrite", span)
    readonly = _flag(values, "readonly", span) if "readonly" in values else not writable
    return BindMount(values.get("target", ""), values.get("source", "/"), values.get("from"), readonly)


def _cache(values: dict[str, str], span: Span) -> CacheMount:
    target = values.get("target", "")
    sharing = values.get("sharing", "shared").lower()
    if sharing not in ("shared", "private", "locked"):
        raise _wrong(f'unsupported sharing value "{sharing}"', span, "shared, private or locked")
    return CacheMount(
        target=target,
        id=values.get("id") or normpath(target),
        sharing=cast(Sharing, sharing),
        from_=values.get("from"),
        source=values.get("source", "/"),
        mode=_number(values, "mode", 0o755, 8, span),
        uid=_number(values, "uid", 0, 10, span),
        gid=_number(values, "gid", 0, 10, span),
        readonly=_flag(values, "readonly", span),
    )


def _tmpfs(values: dict[str, str], span: Span) -> TmpfsMount:
    return TmpfsMount(values.get("target", ""), _size(values["size"], span) if "size" in values else 0)


def _secret(values: dict[str, str], span: Span) -> SecretMount:
    target, env = values.get("target", ""), values.get("env")
    id = values.get("id") or values.get("source") or (basename(target) if target else "")
    if not id:
        raise _wrong("invalid secret mount. one of source, target required", span, "add id=NAME")
    if not target and env is None:
        target = f"/run/secrets/{basename(id)}"
    return SecretMount(id, target, env, *_owner(values, 0o400, span), required=_flag(values, "required", span))


def _ssh(values: dict[str, str], span: Span) -> SshMount:
    id, target = values.get("id", "default"), values.get("target", "")
    return SshMount(id, target, *_owner(values, 0o600, span), required=_flag(values, "required", span))


def _owner(values: dict[str, str], mode: int, span: Span) -> tuple[int, int, int]:
    """(mode, uid, gid)."""
    return (
        _number(values, "mode", mode, 8, span),
        _number(values, "uid", 0, 10, span),
        _number(values, "gid", 0, 10, span),
    )


_BUILDERS: dict[str, Callable[[dict[str, str], Span], ResolvedMount]] = {
    "bind": _bind, "cache": _cache, "tmpfs": _tmpfs, "secret": _secret, "ssh": _ssh,
}  # fmt: skip
