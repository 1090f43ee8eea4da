"""The system calls that a step may not make: data in the form of the OCI runtime specification (`linux.seccomp`).

BuildKit ships an allow list of about 400 calls. This is the other way round: the calls which that list refuses to a
process with the default capabilities are refused here too, all others pass. So a call that a future kernel adds is
allowed here and refused there. It is a second fence behind capabilities and namespaces, not a wall.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

Profile = dict[str, Any]

_EPERM, _ENOSYS = 1, 38
_REFUSED = (
    # the kernel itself
    "acct", "bpf", "create_module", "delete_module", "finit_module", "get_kernel_syms", "init_module",
    "kexec_file_load", "kexec_load", "lookup_dcookie", "nfsservctl", "perf_event_open", "query_module", "quotactl",
    "quotactl_fd", "reboot", "swapoff", "swapon", "sysfs", "_sysctl", "uselib", "userfaultfd", "ustat", "syslog",
    "vhangup",
    # time, hardware
    "clock_adjtime", "clock_adjtime64", "clock_settime", "clock_settime64", "settimeofday", "stime", "ioperm", "iopl",
    "pciconfig_iobase", "pciconfig_read", "pciconfig_write", "vm86", "vm86old",
    # namespaces and mounts
    "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_tree", "pivot_root",
    "setns", "umount", "umount2", "unshare",
    # keys, other processes, handles to files that no path leads to
    "add_key", "keyctl", "request_key", "kcmp", "process_madvise", "pidfd_getfd", "open_by_handle_at",
    "fanotify_init",
    # a large and often broken surface
    "io_uring_enter", "io_uring_register", "io_uring_setup",
    # NUMA, for all users
    "get_mempolicy", "mbind", "move_pages", "migrate_pages", "set_mempolicy", "set_mempolicy_home_node",
)  # fmt: skip

# clone(2) with a flag that makes a namespace. clone3(2) hides its flags from the filter: it "does not exist", and the
# C library then uses clone(2).
_NAMESPACE_FLAGS = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
_AF_VSOCK = 40

_ANSWERED_DONE = (
    "chown", "chown32", "fchown", "fchown32", "lchown", "lchown32", "fchownat", "setgroups", "setgroups32", "setuid",
    "setuid32", "setgid", "setgid32", "setreuid", "setreuid32", "setregid", "setregid32", "setresuid", "setresuid32",
    "setresgid", "setresgid32", "mknod", "mknodat",
)  # fmt: skip

_ARCHITECTURES = {
    "x86_64": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    "aarch64": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
}


def default_profile(ignore_owners: bool) -> Profile:
    """The profile of a step.

    With `ignore_owners` calls that change owners, make devices or take on another user are answered with success
    without being done: for a user namespace that holds one id only (engine.md §1, "ignore_chown").
    """
    rules = [_refuse(_REFUSED, _EPERM), _refuse(["clone3"], _ENOSYS)]
    rules += [_refuse(["clone"], _EPERM, _masked(0, flag)) for flag in _NAMESPACE_FLAGS]
    rules.append(_refuse(["socket"], _EPERM, {"index": 0, "value": _AF_VSOCK, "op": "SCMP_CMP_EQ"}))
    if ignore_owners:
        rules.append(_refuse(_ANSWERED_DONE, 0))
    profile: Profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}
    architectures = _ARCHITECTURES.get(platform.machine())
    return {**profile, "architectures": architectures} if architectures else profile


def _refuse(names: Sequence[str], error: int, *conditions: dict[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = {"names": list(names), "action": "SCMP_ACT_ERRNO", "errnoRet": error}
    return {**rule, "args": list(conditions)} if conditions else rule


def _masked(index: int, flag: int) -> dict[str, Any]:
    return {"index": index, "value": flag, "valueTwo": flag, "op": "SCMP_CMP_MASKED_EQ"}
