"""What works in the namespaces that a helper would get: `python -m bake.app.trial SETTINGS`, run by `bake doctor`.

Each sandbox runs a container, and overlayfs is mounted in the store. One line of JSON on stdout tells what came of it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from bake.errors import BakeError


class Settings(msgspec.Struct, frozen=True):
    """`place`: an empty directory of the store; `tier`: see engine.embedded.launch; `sandbox`: the one preferred."""

    place: str
    tier: str
    sandbox: str = ""


class Sandbox(msgspec.Struct, frozen=True):
    """A way to confine a step: `refusal` "" where it works, `lacks` what a step gets less than under BuildKit."""

    name: str
    refusal: str = ""
    lacks: tuple[str, ...] = ()


class Trial(msgspec.Struct, frozen=True):
    """`chosen` would be taken for RUN; else `refusal` and `hint` say why none is. `overlay` likewise, "" = works."""

    sandboxes: tuple[Sandbox, ...] = ()
    chosen: str = ""
    refusal: str = ""
    hint: str = ""
    overlay: str = ""
    overlay_hint: str = ""
    platforms: tuple[str, ...] = ()
    platforms_hint: str = ""


async def attempt(settings: Settings) -> Trial:
    """To be called in the namespaces of `settings.tier`."""
    from bake.engine.embedded.remove import remove_inside
    from bake.sandbox.detect import detect, survey
    from bake.sandbox.emulation import Emulation
    from bake.sandbox.emulation import survey as try_platforms

    place = Path(settings.place)
    trial = Trial()
    try:
        for found in await survey(place):
            lacks = tuple(getattr(found.sandbox, "reductions", {}).values())
            row = Sandbox(found.name, found.refusal, lacks)
            trial = msgspec.structs.replace(trial, sandboxes=(*trial.sandboxes, row))
        try:
            chosen = await detect(settings.tier != "root", place, settings.sandbox or None)
            trial = msgspec.structs.replace(trial, chosen=chosen.name)
        except BakeError as error:
            refusal, hint = told(error)
            trial = msgspec.structs.replace(trial, refusal=refusal, hint=hint)
        emulation = Emulation(place / "emulation", settings.tier != "root")
        runs, advice = await try_platforms(emulation)
        trial = msgspec.structs.replace(trial, platforms=tuple(runs), platforms_hint=advice)
        refusal, hint = _overlay(place, settings.tier)
        return msgspec.structs.replace(trial, overlay=refusal, overlay_hint=hint)
    finally:
        remove_inside(settings.place)


def _overlay(place: Path, tier: str) -> tuple[str, str]:
    """Why a file below cannot be changed and removed through an overlay, ("", "") when it can."""
    from bake.engine.embedded import syscalls
    from bake.engine.embedded.attributes import Ownership
    from bake.engine.embedded.overlay import mount_writable

    names = ("lower", "filler", "upper", "work", "merged")
    lower, filler, upper, work, merged = (place / f"overlay-{name}" for name in names)
    for directory in (lower, filler, upper, work, merged):
        directory.mkdir()
    (lower / "file").write_text("below")
    try:
        mount_writable(str(merged), [str(lower)], str(upper), str(work), (str(filler), str(filler)), Ownership(tier))
        try:
            (merged / "file").write_text("above")
            (merged / "file").unlink()
        finally:
            syscalls.unmount(str(merged))
    except BakeError as error:
        return told(error)
    except OSError as error:
        return f"overlayfs does not work: {error.strerror}", "the store must lie on ext4, xfs, btrfs or tmpfs"
    return "", ""


def told(error: BakeError) -> tuple[str, str]:
    """(what it says, what to do)."""
    return str(error), "; ".join(diagnostic.hint for diagnostic in error.diagnostics if diagnostic.hint)


if __name__ == "__main__":
    os.umask(0o022)
    print(msgspec.json.encode(asyncio.run(attempt(msgspec.json.decode(sys.argv[1], type=Settings)))).decode())
