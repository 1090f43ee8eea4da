"""Which packages a file system holds, read from the databases of package managers. One reader a kind; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from bake.image.attest.packages.apk import APK, read_apk
from bake.image.attest.packages.dpkg import DPKG, DPKG_DIRECTORY, read_dpkg
from bake.image.attest.packages.package import Distribution, Package, read_os_release
from bake.image.attest.packages.python import is_python, read_python

__all__ = ["Distribution", "Package", "packages", "wanted"]

_OS_RELEASE = ("etc/os-release", "usr/lib/os-release")
_EXACT = frozenset((*DPKG, *APK, *_OS_RELEASE))
_READERS: Sequence[tuple[Callable[[str], bool], Callable[[str, Distribution], Iterable[Package]]]] = (
    (lambda path: path in DPKG or path.startswith(DPKG_DIRECTORY), read_dpkg),
    (lambda path: path in APK, read_apk),
    (is_python, read_python),
)
"""(which files, how one is read)."""


def wanted(paths: Iterable[str]) -> tuple[str, ...]:
    """Those of all paths of a tree that tell of packages."""
    return tuple(path for path in paths if path in _EXACT or any(takes(path) for takes, _ in _READERS))


def packages(files: Mapping[str, bytes]) -> tuple[Package, ...]:
    """Path → bytes of `wanted` files → all packages, sorted, each once. What cannot be read is left out."""
    texts = {path: data.decode("utf-8", "replace") for path, data in files.items()}
    release = next((texts[path] for path in _OS_RELEASE if path in texts), "")
    system = read_os_release(release)
    found = {
        package
        for path, text in texts.items()
        for takes, read in _READERS
        if takes(path)
        for package in read(text, system)
    }
    return tuple(sorted(found))
