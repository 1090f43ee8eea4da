"""Python's packages: the METADATA of dist-info directories, the PKG-INFO of the older egg-info ones."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bake.image.attest.packages.package import Distribution, Package, stanzas

_FILE = re.compile(r"(?:.*/)?[^/]+(?:\.dist-info/METADATA|\.egg-info(?:/PKG-INFO)?)")


def is_python(path: str) -> bool:
    """Whether a path tells of a Python package."""
    return _FILE.fullmatch(path) is not None


def read_python(text: str, system: Distribution) -> Iterable[Package]:  # noqa: ARG001
    """The one package of a file. Its name is normalised as an index does (PEP 503)."""
    for row in stanzas(text)[:1]:
        if row.get("name") and row.get("version"):
            name = re.sub(r"[-_.]+", "-", row["name"]).lower()
            license = row.get("license-expression") or row.get("license", "")
            supplier = row.get("author", "") or row.get("author-email", "")
            yield Package("pypi", name, row["version"], license=license, supplier=supplier)
