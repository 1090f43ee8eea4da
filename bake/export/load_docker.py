"""Into a Docker Engine: only the layers that it lacks, where its store allows that.

The classic store knows layers by the chain of diff ids below them. For one that it has it never opens the file in the
archive, so that file is left out (measured with 20.10; a containerd store gets all). An image that is there already is
only named.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from bake.errors import HostError
from bake.export.engine_api import EngineApi
from bake.export.exported import add_bytes, add_file
from bake.export.oci import blob_name
from bake.image.assemble import Assembled
from bake.oci.documents import decode_config
from bake.oci.model import Descriptor
from bake.oci.reference import DEFAULT_TAG, Reference

Content = Callable[[Descriptor], Path]
"""Where the bytes of a layer are; called only for one that is sent."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """`sent` of `layers` layers crossed the socket."""

    image: str
    layers: int
    sent: int
    names: tuple[str, ...] = field(default=())


def load_docker(api: EngineApi, made: Assembled, names: Sequence[Reference], content: Content) -> Loaded:
    """Loads one image under all of its names. Blocks. Raises HostError."""
    image, count = made.config_descriptor.digest, len(made.layers)
    shown = tuple(name.familiar for name in names)
    if api.image(image) is not None:
        for name in names:
            api.tag(image, _familiar(name), name.tag or DEFAULT_TAG)
        return Loaded(image, count, 0, shown)
    known = _known(api, made) if api.has_classic_store() else 0
    try:
        api.load(lambda out: _write(out, made, shown, known, content))
    except HostError:
        if not known:
            raise
        known = 0  # what was there has been removed meanwhile
        api.load(lambda out: _write(out, made, shown, known, content))
    return Loaded(image, count, count - known, shown)


def _familiar(name: Reference) -> str:
    return name.familiar.rpartition(":")[0] if name.tag else name.familiar


def _known(api: EngineApi, made: Assembled) -> int:
    """How many layers from below some image of the engine has in common with this one."""
    wanted = decode_config(made.config).rootfs.diff_ids
    best = 0
    for image in api.images():
        row = api.image(image)
        layers = ((row or {}).get("RootFS") or {}).get("Layers") or []
        same = 0
        for ours, theirs in zip(wanted, layers, strict=False):
            if ours != theirs:
                break
            same += 1
        best = max(best, same)
    return best


def _write(out: IO[bytes], made: Assembled, names: Sequence[str], known: int, content: Content) -> None:
    config = blob_name(made.config_descriptor.digest)
    layers = [blob_name(layer.digest) for layer in made.layers]
    manifest = [{"Config": config, "RepoTags": list(names) or None, "Layers": layers}]
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        add_bytes(tar, "manifest.json", json.dumps(manifest).encode())
        add_bytes(tar, config, made.config)
        for layer in dict.fromkeys(made.layers[known:]):
            add_file(tar, blob_name(layer.digest), content(layer))
