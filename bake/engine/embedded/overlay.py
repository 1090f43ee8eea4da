"""Mounts states as overlayfs: by fsopen, which has no limit on text, else by mount(2) (reference/engine.md §2)."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Sequence

from bake.engine.embedded import syscalls
from bake.engine.embedded.attributes import Ownership
from bake.errors import Diagnostic, HostError

_MOST_LOWERS = 500
_OLD_KERNEL = (errno.EINVAL, errno.ENOSYS, errno.EPERM)
_in_directory = threading.Lock()


Fillers = tuple[str, str]
"""Two empty directories: overlayfs wants a lower, and without an upper two of them."""


def mount_state(target: str, layers: Sequence[str], fillers: Fillers, may: Ownership) -> None:
    """A read-only view of `layers` (bottom first) at `target`."""
    lowers = [*reversed(layers), *fillers][: max(len(layers), 2)]
    _mount(target, lowers, [], may, syscalls.MS_RDONLY)


def mount_writable(target: str, layers: Sequence[str], upper: str, work: str, fillers: Fillers, may: Ownership) -> None:
    """A view of `layers` at `target` whose changes go to `upper`; `work` is an empty directory beside it."""
    os.makedirs(work, exist_ok=True)
    lowers = [*reversed(layers)] or [fillers[0]]
    _mount(target, lowers, [("upperdir", upper), ("workdir", work), ("volatile", None)], may, 0)


def _mount(target: str, lowers: Sequence[str], upper: list[tuple[str, str | None]], may: Ownership, flags: int) -> None:
    if len(lowers) > _MOST_LOWERS:
        message = f"the image has {len(lowers)} layers, the kernel takes {_MOST_LOWERS}"
        raise HostError(Diagnostic("too-many-layers", message, hint="join RUN steps, or copy from a stage"))
    options = [*upper, *_options(may)]
    try:
        syscalls.fsmount("overlay", [*(("lowerdir+", path) for path in lowers), *options], target, flags)
        return
    except OSError as error:
        if error.errno not in _OLD_KERNEL:
            raise _refused(error) from None
        first = error
    try:
        _mount_by_text(target, lowers, options, flags)
    except OSError:
        raise _refused(first) from None


def _options(may: Ownership) -> list[tuple[str, str | None]]:
    if may.root:
        return [("redirect_dir", "off"), ("metacopy", "off"), ("index", "off")]
    return [("userxattr", None)]


def _mount_by_text(target: str, lowers: Sequence[str], options: Sequence[tuple[str, str | None]], flags: int) -> None:
    """mount(2) takes one page of options, so names are made short: relative to what they have in common."""
    base = os.path.commonpath(lowers)
    names = ":".join(_escape(os.path.relpath(path, base)) for path in lowers)
    rest = [name if value is None else f"{name}={_escape(value)}" for name, value in options]
    data = ",".join([f"lowerdir={names}", *rest])
    if len(os.fsencode(data)) >= os.sysconf("SC_PAGE_SIZE"):
        raise OSError(errno.E2BIG, "too many layers for this kernel")
    with _in_directory:  # the only place where the helper changes its directory
        before = os.getcwd()
        os.chdir(base)
        try:
            syscalls.mount("overlay", target, "overlay", flags, data)
        finally:
            os.chdir(before)


def _escape(path: str) -> str:
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def _refused(error: OSError) -> HostError:
    return HostError(
        Diagnostic(
            "no-overlay",
            f"cannot mount overlayfs: {error.strerror}",
            hint="the store must lie on ext4, xfs, btrfs or tmpfs, not on overlayfs or a network file system: set "
            "BAKE_STORE, or mount a volume there when bake runs in a container",
        )
    )
