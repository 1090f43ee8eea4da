"""Builds all container images of a repository from one bake.toml.

From Python: `bake.load()` gives the spec; its `plan` and `build` are what the command line calls (SPEC §6). Everything
is imported when it is first used, so that `import bake` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bake.api import Plan, Spec, load
    from bake.events import Event, Report

__version__ = "0.1.0"

__all__ = ["Event", "Plan", "Report", "Spec", "__version__", "load"]

_WHERE = {"Plan": "bake.api", "Spec": "bake.api", "load": "bake.api", "Event": "bake.events", "Report": "bake.events"}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'bake' has no attribute '{name}'")
