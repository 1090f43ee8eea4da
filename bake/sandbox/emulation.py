"""Whether programs of a platform run in containers here, natively or emulated; in a user namespace, making it so.

A tiny program of the platform is run in an empty root: that holds whatever the host has registered with binfmt_misc,
and fails for handlers without the flag F, which containers could not use. Where bake has a user namespace of its own,
Linux 6.7 gives it a binfmt_misc of its own too: then an installed qemu is registered there, and nobody else sees it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bake.errors import Diagnostic, HostError
from bake.oci.platform import Platform, parse_platform
from bake.sandbox.elf import MACHINES, Machine, magic, program

_SECONDS = 10.0
_PLACES = "/usr/libexec/qemu-binfmt/{}-binfmt-P"
"""Where Debian keeps emulators under the name by which they keep argv[0]."""
_USUAL = ("linux/amd64", "linux/arm64")
_INSTALL = "install the package qemu-user-static"


class Emulation:
    """What runs here. `place`: an empty directory of ours; `private`: this process has a user namespace of its own."""

    def __init__(self, place: Path, private: bool) -> None:
        self._place = place
        self._private = private
        self._host = parse_platform(f"linux/{os.uname().machine}")
        self._runs: dict[str, bool] = {}
        self._lock = asyncio.Lock()

    async def need(self, text: str) -> None:
        """Raises HostError when programs of that platform (`os/arch[/variant]`, "" = ours) cannot run."""
        if not text:
            return
        platform = parse_platform(text)
        if not await self.runs(platform):
            message = f"this host ({self._host}) cannot run programs of {platform}"
            raise HostError(Diagnostic("foreign-platform", message, hint=self.advice(platform)))

    async def runs(self, platform: Platform) -> bool:
        """Whether programs of `platform` run, tried once."""
        if platform.os != "linux":
            return False
        if platform.arch == self._host.arch:
            return True
        async with self._lock:
            if platform.arch not in self._runs:
                self._runs[platform.arch] = await self._try(platform.arch)
            return self._runs[platform.arch]

    async def _try(self, arch: str) -> bool:
        machine = MACHINES.get(arch)
        if machine is None:
            return False
        if await self._probe(machine):
            return True
        return self._private and await self._register(machine) and await self._probe(machine)

    async def _probe(self, machine: Machine) -> bool:
        """Runs the tiny program in a root that holds nothing else."""
        root = self._place / "probe"
        root.mkdir(parents=True, exist_ok=True)
        (root / "program").write_bytes(program(machine))
        (root / "program").chmod(0o755)
        try:
            return await _ends_well(["chroot", str(root), "/program"])
        finally:
            shutil.rmtree(root, ignore_errors=True)

    async def _register(self, machine: Machine) -> bool:
        emulator, flags = _emulator(machine)
        if emulator is None:
            return False
        mounted = self._place / "binfmt"
        mounted.mkdir(exist_ok=True)
        register = mounted / "register"
        if not register.exists() and not await _ends_well(["mount", "-t", "binfmt_misc", "none", str(mounted)]):
            return False
        start, mask = (_escaped(data) for data in magic(machine))
        with suppress(OSError):
            register.write_text(f":bake-{machine.emulator}:M::{start}:{mask}:{emulator}:{flags}")
            return True
        return False

    def advice(self, platform: Platform) -> str:
        """What makes programs of `platform` run."""
        machine = MACHINES.get(platform.arch)
        if machine is None or platform.os != "linux":
            return "build it on a host of that platform: --builder"
        if _emulator(machine)[0] is None:
            return f"{_INSTALL}, or build on a host of that platform: --builder"
        if self._private:
            return "ask root to register qemu with binfmt_misc (systemd-binfmt), or use Linux 6.7 or later"
        return (
            "qemu is installed but not registered: restart systemd-binfmt, or build as an ordinary user, for whom bake "
            "registers it by itself (Linux 6.7 or later)"
        )


async def survey(emulation: Emulation) -> tuple[Sequence[str], str]:
    """(all platforms that run here, what would make another one run), for `bake doctor`."""
    names = [f"linux/{arch}" for arch in MACHINES]
    found = [name for name in names if await emulation.runs(parse_platform(name))]
    lacking = next((name for name in names if name not in found and name in _USUAL), None)
    return found, emulation.advice(parse_platform(lacking)) if lacking else ""


def _emulator(machine: Machine) -> tuple[str | None, str]:
    """(path of a static qemu, its flags): F opens it now, so that a container need not hold it."""
    keeps_name = _PLACES.format(machine.emulator)
    if os.path.exists(keeps_name):
        return keeps_name, "POF"
    return shutil.which(f"qemu-{machine.emulator}-static"), "F"


def _escaped(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)


async def _ends_well(argv: Sequence[str]) -> bool:
    null = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(*argv, stdin=null, stdout=null, stderr=null)
    except OSError:
        return False
    try:
        return await asyncio.wait_for(process.wait(), _SECONDS) == 0
    except TimeoutError:
        process.kill()
        await process.wait()
        return False
