"""Alpine's packages: the installed database of apk, blocks of `LETTER:value` lines."""

from __future__ import annotations

from collections.abc import Iterable

from bake.image.attest.packages.package import Distribution, Package

APK = frozenset({"lib/apk/db/installed", "usr/lib/apk/db/installed"})
_DEFAULT = "alpine"


def read_apk(text: str, system: Distribution) -> Iterable[Package]:
    """All of them; the case of a letter counts (`P` is the package, `p` what it provides)."""
    for block in text.replace("\r\n", "\n").split("\n\n"):
        row: dict[str, str] = {}
        for line in block.split("\n"):
            letter, colon, value = line.partition(":")
            if colon and len(letter) == 1:
                row.setdefault(letter, value)
        if row.get("P") and row.get("V"):
            yield Package(
                "apk",
                row["P"],
                row["V"],
                system.id or _DEFAULT,
                row.get("A", ""),
                system.label,
                row.get("L", ""),
                row.get("m", ""),
                row.get("o", ""),
            )
