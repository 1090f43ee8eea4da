"""Into podman's storage, by skopeo, which copies only the layers that are missing there."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bake.errors import Diagnostic, HostError
from bake.export.exported import Exported
from bake.export.oci import write_oci
from bake.image.assemble import Assembled
from bake.oci.reference import Reference


def load_podman(
    made: Assembled, names: Sequence[Reference], paths: Mapping[str, Path], place: Path, environment: Mapping[str, str]
) -> None:
    """Loads one image under all of its names. `place` is an empty directory. Blocks. Raises HostError."""
    skopeo = shutil.which("skopeo", path=environment.get("PATH"))
    if skopeo is None:
        message = "images get into podman's storage by skopeo, which is not installed"
        raise HostError(Diagnostic("load-failed", message, hint="install the package skopeo"))
    layout = place / "layout"
    write_oci(Exported((made,), made.descriptor, made.manifest, paths), layout, False)
    for name in [str(name) for name in names] or [f"@{made.config_descriptor.digest[7:]}"]:
        argv = [skopeo, "copy", "--quiet", f"oci:{layout}", f"containers-storage:{name}"]
        done = subprocess.run(argv, capture_output=True, text=True, env=dict(environment), check=False)
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise HostError(Diagnostic("load-failed", f"skopeo cannot load {name}: {said}"))
