"""A list of packages as an SPDX 2.3 document (spdx.github.io/spdx-spec/v2.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256

from bake.image.attest.packages import Package
from bake.image.attest.statement import Statement

PREDICATE = "https://spdx.dev/Document"
FILE = "sbom.spdx.json"
_IMAGE = "SPDXRef-image"
_NONE = "NOASSERTION"
_EPOCH = "1970-01-01T00:00:00Z"


def sbom(name: str, identity: str, packages: Sequence[Package], created: str | None, tool: str) -> Statement:
    """The statement. `name` is what the image is called; `identity` a digest that makes the document unique.

    `created` is the image's own time (RFC 3339), so that the same image always has the same document.
    """
    rows = [_package(package) for package in packages]
    document: dict[str, object] = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"urn:bake:sbom:{identity}",
        "creationInfo": {"created": _seconds(created), "creators": [f"Tool: {tool}"]},
        "packages": [_image(name), *rows],
        "relationships": [
            _relation("SPDXRef-DOCUMENT", "DESCRIBES", _IMAGE),
            *(_relation(_IMAGE, "CONTAINS", str(row["SPDXID"])) for row in rows),
        ],
    }
    return Statement(PREDICATE, document, FILE)


def _seconds(time: str | None) -> str:
    """SPDX has no fractions of a second."""
    return re.sub(r"\.\d+", "", time).replace("+00:00", "Z") if time else _EPOCH


def _image(name: str) -> dict[str, object]:
    return {
        "SPDXID": _IMAGE,
        "name": name,
        "primaryPackagePurpose": "CONTAINER",
        **_unknown(),
    }


def _unknown() -> dict[str, object]:
    fields = ("downloadLocation", "licenseConcluded", "licenseDeclared", "copyrightText")
    return {**dict.fromkeys(fields, _NONE), "filesAnalyzed": False}


def _package(package: Package) -> dict[str, object]:
    row: dict[str, object] = {
        "SPDXID": f"SPDXRef-{package.kind}-{sha256(repr(package).encode()).hexdigest()[:16]}",
        "name": package.name,
        "versionInfo": package.version,
        "supplier": _supplier(package.supplier),
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": package.purl,
            }
        ],
        **_unknown(),
    }
    if package.license:
        row["licenseComments"] = package.license  # in the words of the package, which need be no SPDX expression
    if package.source:
        row["sourceInfo"] = f"built from {package.source}"
    return row


def _supplier(text: str) -> str:
    """`Organization: NAME (address)`."""
    match = re.fullmatch(r"\s*(.*?)\s*<([^<>]*)>\s*", text)
    if match:
        return f"Organization: {match[1]} ({match[2]})" if match[1] else f"Organization: {match[2]}"
    return f"Organization: {text}" if text.strip() else _NONE


def _relation(one: str, kind: str, other: str) -> dict[str, object]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
