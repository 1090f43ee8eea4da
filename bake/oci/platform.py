"""Platforms: `os/arch[/variant]`, normalised as containerd does (reference/dockerfile.md §6)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

_ARCH = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "armhf": "arm",
    "armel": "arm",
    "i386": "386",
    "i686": "386",
}
_KNOWN_ARCH = frozenset(
    {
        "386", "amd64", "arm", "arm64", "armbe", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc", "ppc64",
        "ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm",
    }
)  # fmt: skip
"""What may stand alone; in another place anything may be an architecture, as in the peer."""
_DEFAULT_VARIANT = {("arm64", "v8"): "", ("arm64", "8"): "", ("amd64", "v1"): ""}


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """An operating system and processor; `variant` is "" where the architecture has none or it is the default."""

    os: str
    arch: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.arch, self.variant) if part)

    def matches(self, other: Platform) -> bool:
        """Whether an image for `other` runs where this one is asked for; an unnamed variant matches any."""
        same = (self.os, self.arch) == (other.os, other.arch)
        return same and (self.variant == other.variant or not self.variant or not other.variant)


@lru_cache(maxsize=256)
def parse_platform(text: str) -> Platform:
    """`linux/amd64`, `linux/arm/v7`, `arm64`. Raises ValueError with a reason fit for a user."""
    parts = text.strip().lower().split("/")
    if not 1 <= len(parts) <= 3 or not all(
        p and p.replace("-", "").replace("_", "").replace(".", "").isalnum() for p in parts
    ):
        raise ValueError(f"'{text}' is not a platform of the form os/arch[/variant]")
    if len(parts) == 1:
        if _ARCH.get(parts[0], parts[0]) not in _KNOWN_ARCH:
            raise ValueError(f"'{text}' is no architecture, and no platform of the form os/arch[/variant]")
        parts = ["linux", parts[0]]
    os, arch = parts[0], _ARCH.get(parts[1], parts[1])
    variant = parts[2] if len(parts) == 3 else ""
    if arch == "arm" and not variant:
        variant = "v5" if parts[1] == "armel" else "v7"
    return Platform(os, arch, _DEFAULT_VARIANT.get((arch, variant), variant))
