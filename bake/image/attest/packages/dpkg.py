"""Debian's packages: /var/lib/dpkg/status, and the status.d of images without dpkg."""

from __future__ import annotations

from collections.abc import Iterable

from bake.image.attest.packages.package import Distribution, Package, stanzas

DPKG = frozenset({"var/lib/dpkg/status"})
DPKG_DIRECTORY = "var/lib/dpkg/status.d/"
_DEFAULT = "debian"


def read_dpkg(text: str, system: Distribution) -> Iterable[Package]:
    """Those that are installed. Removed ones with configuration left are none."""
    for row in stanzas(text):
        status = row.get("status", "install ok installed").split()
        if not row.get("package") or not row.get("version") or status[-1:] != ["installed"]:
            continue
        yield Package(
            "deb",
            row["package"],
            row["version"],
            system.id or _DEFAULT,
            row.get("architecture", ""),
            system.label,
            supplier=row.get("maintainer", ""),
            source=row.get("source", "").partition(" ")[0],
        )
