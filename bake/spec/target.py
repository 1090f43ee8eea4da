"""A resolved target: what is left of bake.toml when inheritance, matrix, profile, `--set` and `${}` are done.

Field names are the keys of bake.toml (SPEC §1) with `-` turned into `_`. Containers are read-only by convention.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bake.errors import Span

Table = Mapping[str, object]
"""An entry of `output`, `cache-*`, `secret`, `ssh`, `attest`: the keys of its table form, however it was written."""


@dataclass(frozen=True, slots=True)
class Target:
    """One image to build. `root` is the absolute directory of the file that declares it; paths are relative to it."""

    name: str
    root: str
    base_name: str
    axes: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    context: str = "."
    contexts: Mapping[str, str] = field(default_factory=dict)
    dockerfile: str = "Dockerfile"
    dockerfile_inline: str | None = None
    args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    target: str | None = None
    platforms: tuple[str, ...] = ()
    cache_from: tuple[Table, ...] = ()
    cache_to: tuple[Table, ...] = ()
    output: tuple[Table, ...] = ()
    secret: tuple[Table, ...] = ()
    ssh: tuple[Table, ...] = ()
    attest: tuple[Table, ...] = ()
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    pull: bool = False
    network: str = "default"
    extra_hosts: Mapping[str, str] = field(default_factory=dict)
    shm_size: int = 0
    ulimits: tuple[str, ...] = ()
    entitlements: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    test: tuple[tuple[str, ...], ...] = ()
    push: str = "auto"
    immutable_tags: tuple[str, ...] = ()
    timeout: float = 0.0
    retries: int = 0
    weight: float = 1.0
    resources: Mapping[str, object] = field(default_factory=dict)
    spans: Mapping[str, Span] = field(default_factory=dict, repr=False, compare=False)
    """Where each value was written, by key path: `args.PYTHON`, `tags[0]`, `context`, `` (the target itself)."""
    sensitive: frozenset[str] = field(default_factory=frozenset, repr=False, compare=False)
    """Values of sensitive variables that this target uses; they must not be shown, logged or stored in clear."""

    def span(self, path: str) -> Span | None:
        """Where `path` was written; else where its parent key or the target was."""
        while path and path not in self.spans:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.spans.get(path)
