"""The OCI runtime configuration of a step: what BuildKit gives its runtime, as one JSON value (pure).

engine.md §1 "OCI config equal to BuildKit's", dockerfile.md §7.3. The same for crun and runc, as root and rootless.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bake.ports.sandbox import Bind, Execution, Tmpfs
from bake.sandbox.capabilities import DEFAULT
from bake.sandbox.ids import IdMap
from bake.sandbox.seccomp import default_profile
from bake.sandbox.ulimits import parse_ulimit
from bake.sandbox.users import Identity

Json = dict[str, Any]

_TTY_GROUP = 5
_UMASK = 0o022
_NAMESPACES = ("pid", "ipc", "uts", "mount")
_MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


@dataclass(frozen=True, slots=True)
class Rights:
    """What this host lets a step have. `all_capabilities` is given to insecure steps; `mknod` False takes that
    capability away where the runtime sets no device filter; `ids` are those of this user namespace."""

    ids: IdMap
    all_capabilities: tuple[str, ...]
    mknod: bool = True


def runtime_config(root: str, execution: Execution, identity: Identity, rights: Rights) -> Json:
    """The content of `config.json`. `execution` has its final environment and an existing working directory.

    Raises ValueError for a malformed ulimit.
    """
    linux: Json = {
        "namespaces": [{"type": name} for name in _namespaces(execution)],
        "resources": {"devices": [{"allow": True, "access": "rwm"}]} if execution.insecure else {},
    }
    if not execution.insecure:
        linux["maskedPaths"] = list(_MASKED)
        linux["readonlyPaths"] = list(_READ_ONLY)
        linux["seccomp"] = default_profile(ignore_owners=rights.ids.single)
    return {
        "ociVersion": "1.0.2",
        "process": _process(execution, identity, rights),
        "root": {"path": root, "readonly": False},
        "hostname": execution.hostname,
        "mounts": [*_system_mounts(execution, rights.ids), *map(_mount, execution.mounts)],
        "linux": linux,
    }


def _namespaces(execution: Execution) -> tuple[str, ...]:
    return (*_NAMESPACES, "network") if execution.network == "none" else _NAMESPACES


def _process(execution: Execution, identity: Identity, rights: Rights) -> Json:
    user: Json = {"uid": identity.uid, "gid": identity.gid, "umask": _UMASK}
    if rights.ids.setgroups:
        user["additionalGids"] = list(identity.groups)
    return {
        "terminal": execution.terminal,
        "user": user,
        "args": list(execution.args),
        "env": [f"{name}={value}" for name, value in execution.env],
        "cwd": execution.cwd,
        "noNewPrivileges": False,
        "capabilities": _capabilities(execution, identity, rights),
        "rlimits": [_rlimit(text) for text in execution.ulimits],
    }


def _capabilities(execution: Execution, identity: Identity, rights: Rights) -> Json:
    """For users other than root only a bound: they get them by running setuid programs."""
    wanted = rights.all_capabilities if execution.insecure else DEFAULT
    names = [name for name in wanted if rights.mknod or name != "CAP_MKNOD"]
    held = names if identity.uid == 0 else []
    return {"bounding": names, "effective": held, "permitted": held, "inheritable": [], "ambient": []}


def _rlimit(text: str) -> Json:
    name, soft, hard = parse_ulimit(text)
    return {"type": f"RLIMIT_{name.upper()}", "soft": soft, "hard": hard}


def _system_mounts(execution: Execution, ids: IdMap) -> list[Json]:
    pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
    if ids.has_gid(_TTY_GROUP):
        pts.append(f"gid={_TTY_GROUP}")
    shm = ["nosuid", "noexec", "nodev", "mode=1777", f"size={execution.shm_size}"]
    return [
        _system("/proc", "proc", ["nosuid", "noexec", "nodev"]),
        _system("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _system("/dev/pts", "devpts", pts),
        _system("/dev/shm", "tmpfs", shm),
        _system("/dev/mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
        *_sysfs(execution, ids),
    ]


def _sysfs(execution: Execution, ids: IdMap) -> list[Json]:
    """A fresh sysfs belongs to who owns the network namespace, so a user who shares the host's takes the host's.

    That one has the host's cgroups mounted, some of which may be the user's own to change: they are covered.
    """
    access = "rw" if execution.insecure else "ro"
    flags = ["nosuid", "noexec", "nodev"]
    if not ids.rootless or execution.network == "none":
        return [_system("/sys", "sysfs", [*flags, access])]
    return [
        {"destination": "/sys", "type": "bind", "source": "/sys", "options": ["rbind", *flags, access]},
        _system("/sys/fs/cgroup", "tmpfs", [*flags, "ro", "mode=755", "size=4k"]),
    ]


def _system(target: str, kind: str, options: list[str]) -> Json:
    return {"destination": target, "type": kind, "source": kind, "options": options}


def _mount(mount: Bind | Tmpfs) -> Json:
    if isinstance(mount, Tmpfs):
        size = [f"size={mount.size}"] if mount.size else []
        return _system(mount.target, "tmpfs", ["nosuid", "nodev", f"mode={mount.mode:o}", *size])
    options = ["bind", "ro" if mount.readonly else "rw"]
    return {"destination": mount.target, "type": "bind", "source": mount.source, "options": options}
