"""Which manifest of an index is the one for a platform (OCI image spec, image-index.md). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bake.oci.model import Descriptor, Index
from bake.oci.platform import Platform


def choose_manifest(index: Index, platform: Platform) -> Descriptor | None:
    """The entry for `platform`: an exact one first, then one whose unnamed variant fits; attestations never."""
    entries = _by_platform(index.manifests)
    exact = [d for p, d in entries if p == platform]
    fitting = [d for p, d in entries if p is not None and platform.matches(p)]
    unnamed = [d for p, d in entries if p is None] if len(entries) == 1 else []
    return next(iter((*exact, *fitting, *unnamed)), None)


def platforms_of(index: Index) -> tuple[Platform, ...]:
    """The platforms an index offers, in its order."""
    return tuple(dict.fromkeys(p for p, _ in _by_platform(index.manifests) if p is not None))


def _by_platform(manifests: Sequence[Descriptor]) -> list[tuple[Platform | None, Descriptor]]:
    found: list[tuple[Platform | None, Descriptor]] = []
    for descriptor in manifests:
        if descriptor.platform is None:
            found.append((None, descriptor))
            continue
        try:
            platform = descriptor.platform.platform()
        except ValueError:
            continue
        if platform.os != "unknown":
            found.append((platform, descriptor))
    return found
