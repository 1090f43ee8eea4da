"""Built images as files. An exporter takes what is exported, where to, and whether as one archive; one line a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from bake.export.docker import write_docker
from bake.export.exported import Exported
from bake.export.oci import write_oci

__all__ = ["EXPORTERS", "Exported"]

EXPORTERS: Mapping[str, Callable[[Exported, Path, bool], None]] = {"oci": write_oci, "docker": write_docker}
