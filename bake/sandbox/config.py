"""Execution → the config of an OCI runtime, equal to what BuildKit gives its own (reference/engine.md §1). Pure."""

from __future__ import annotations

from typing import Any

from bake.ports import Bind, Execution, StartFailed, Tmpfs
from bake.sandbox.limits import CAPABILITIES, MASKED, READONLY, SECCOMP
from bake.sandbox.users import Ids

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LIMITS = (
    "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
    "rttime", "sigpending", "stack",
)  # fmt: skip
_UNLIMITED = 2**64 - 1


def runtime_config(root: str, execution: Execution, ids: Ids, *, rootless: bool) -> dict[str, Any]:
    """The runtime's config.json. Raises StartFailed for a ulimit that is none."""
    return {
        "ociVersion": "1.0.2",
        "process": _process(execution, ids),
        "root": {"path": root, "readonly": False},
        "hostname": execution.hostname,
        "mounts": _mounts(execution, rootless),
        "linux": _linux(execution),
    }


def _process(execution: Execution, ids: Ids) -> dict[str, Any]:
    env = dict(execution.env)
    env.setdefault("PATH", _PATH)
    env.setdefault("HOME", ids.home or "/")
    everything = list(_all_capabilities()) if execution.insecure else list(CAPABILITIES)
    held = everything if ids.uid == 0 else []
    return {
        "terminal": execution.terminal,
        "user": {"uid": ids.uid, "gid": ids.gid, "additionalGids": list(ids.groups), "umask": 0o022},
        "args": list(execution.args),
        "env": [f"{name}={value}" for name, value in env.items()],
        "cwd": execution.cwd or "/",
        "capabilities": {"bounding": everything, "effective": held, "permitted": held},
        "rlimits": [_limit(text) for text in execution.ulimits],
        "noNewPrivileges": False,
    }


def _all_capabilities() -> tuple[str, ...]:
    more = (
        "SYS_ADMIN SYS_PTRACE NET_ADMIN SYS_MODULE SYS_RAWIO SYS_PACCT SYS_NICE SYS_TIME SYS_TTY_CONFIG LEASE IPC_LOCK"
    )
    return (*CAPABILITIES, *(f"CAP_{name}" for name in more.split()))


def _limit(text: str) -> dict[str, Any]:
    name, _, values = text.partition("=")
    soft, _, hard = values.partition(":")
    if name.lower() not in _LIMITS:
        raise StartFailed(f"invalid ulimit type: {name}")
    try:
        low, high = int(soft), int(hard or soft)
    except ValueError:
        raise StartFailed(f"invalid ulimit: {text}") from None
    return {
        "type": f"RLIMIT_{name.upper()}",
        "soft": low if low >= 0 else _UNLIMITED,
        "hard": high if high >= 0 else _UNLIMITED,
    }


def _mounts(execution: Execution, rootless: bool) -> list[dict[str, Any]]:
    quiet = ["nosuid", "noexec", "nodev"]
    pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
    found = [
        _mount("/proc", "proc", "proc", quiet),
        _mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _mount("/dev/pts", "devpts", "devpts", pts if rootless else [*pts, "gid=5"]),
        _mount("/dev/shm", "tmpfs", "shm", [*quiet, "mode=1777", f"size={execution.shm_size}"]),
        _mount("/dev/mqueue", "mqueue", "mqueue", quiet),
        _sys(execution, rootless),
    ]
    for mount in execution.mounts:
        match mount:
            case Bind():
                mode = "ro" if mount.readonly else "rw"
                found.append(_mount(mount.target, "bind", mount.source, ["rbind", "rprivate", mode]))
            case Tmpfs():
                size = [f"size={mount.size}"] if mount.size else []
                found.append(_mount(mount.target, "tmpfs", "tmpfs", ["nosuid", "nodev", f"mode={mount.mode:o}", *size]))
    return found


def _sys(execution: Execution, rootless: bool) -> dict[str, Any]:
    """A fresh sysfs belongs to a network namespace: without one of its own a user gets the host's, read-only."""
    if rootless and execution.network != "none":
        return _mount("/sys", "none", "/sys", ["rbind", "nosuid", "noexec", "nodev", "ro"])
    return _mount("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"])


def _mount(target: str, kind: str, source: str, options: list[str]) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source, "options": options}


def _linux(execution: Execution) -> dict[str, Any]:
    kinds = ["pid", "ipc", "uts", "mount", *(["network"] if execution.network == "none" else [])]
    found: dict[str, Any] = {"namespaces": [{"type": kind} for kind in kinds], "resources": {}}
    if not execution.insecure:
        found |= {"maskedPaths": list(MASKED), "readonlyPaths": list(READONLY), "seccomp": SECCOMP}
    return found
