"""A package as an SBOM tells of it, and the distribution that it belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """`kind` is the type of a package URL: deb, apk, pypi; `namespace` its distribution, "" for none."""

    kind: str
    name: str
    version: str
    namespace: str = ""
    arch: str = ""
    distro: str = ""
    license: str = ""
    supplier: str = ""
    source: str = ""

    @property
    def purl(self) -> str:
        """Its package URL (github.com/package-url/purl-spec)."""
        parts = [quote(part, safe="") for part in (self.namespace, self.name) if part]
        query = "&".join(f"{k}={quote(v, safe='')}" for k, v in (("arch", self.arch), ("distro", self.distro)) if v)
        version = f"@{quote(self.version, safe='')}" if self.version else ""
        return f"pkg:{self.kind}/{'/'.join(parts)}{version}{'?' + query if query else ''}"


@dataclass(frozen=True, slots=True)
class Distribution:
    """`id` and `version` of os-release(5): `debian`, `12`."""

    id: str = ""
    version: str = ""

    @property
    def label(self) -> str:
        """`debian-12`."""
        return "-".join(part for part in (self.id, self.version) if part)


_ASSIGNMENT = re.compile(r"^([A-Z_]+)=(.*)$", re.M)


def read_os_release(text: str) -> Distribution:
    """What os-release(5) says; nothing of an empty one."""
    values = {name: value.strip().strip("\"'") for name, value in _ASSIGNMENT.findall(text)}
    return Distribution(values.get("ID", ""), values.get("VERSION_ID", ""))


def stanzas(text: str) -> list[dict[str, str]]:
    """Blocks of `Name: value` lines parted by blank ones (deb822, Python's METADATA); only first lines of values."""
    found: list[dict[str, str]] = []
    for block in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")):
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, colon, value = line.partition(":")
            if colon and name and not name[0].isspace():
                fields.setdefault(name.lower(), value.strip())
        if fields:
            found.append(fields)
    return found
