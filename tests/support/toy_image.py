"""The toy front end as an image in a registry: this interpreter, what the program imports, and the program."""

from __future__ import annotations

import gzip
import hashlib
import io
import marshal
import posixpath
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from functools import lru_cache
from importlib.util import MAGIC_NUMBER
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import anyio

from bake.oci import media_types as mt
from bake.oci.digest import Digest, sha256
from bake.oci.model import Descriptor, ImageConfig, Manifest, RootFS, RunConfig, encode
from bake.registry.client import Registry
from bake.registry.hosts import Hosts

PROGRAM = Path(__file__).with_name("toy_frontend.py")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_CAPS = "moby.buildkit.frontend.inputs,moby.buildkit.frontend.contexts"
_START = f"""
import os
# The start of HTTP/2 and empty settings: builders wait 10 s for it, which a busy machine may take for the import.
os.write(1, {PREFACE!r} + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
import toy_frontend
toy_frontend.start()
"""
_IMPORTED = """
import asyncio, os, sys
os.environ["BUILDKIT_SESSION_ID"] = ""
import toy_frontend, grpclib.client, grpclib.protocol, encodings.ascii, encodings.idna, encodings.latin_1
async def start():
    channel = toy_frontend.Channel("127.0.0.1", 1)
    toy_frontend.M.Definition().SerializeToString()
    try: await channel.__connect__()
    except OSError: pass
    channel.close()
asyncio.run(start())
print(*(m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)), sep="\\n")
"""


def publish(host: str, name: str, note: str = "") -> str:
    """The reference of the image in a registry on the loopback. `note` makes it another image."""
    reference = f"{host}/{name}:1"
    anyio.run(_publish, host, name, _layer(note))
    return reference


async def _publish(host: str, name: str, layer: tuple[bytes, str]) -> None:
    packed, diff_id = layer
    run = RunConfig(
        entrypoint=("/py/bin/python3", "-c", _START),
        env=("PYTHONHOME=/py", "PYTHONPATH=/app", "LD_LIBRARY_PATH=/libs", "PYTHONDONTWRITEBYTECODE=1"),
        labels={"moby.buildkit.frontend.network.none": "true", "moby.buildkit.frontend.caps": _CAPS},
        working_dir="/",
    )
    config = encode(
        ImageConfig(architecture="amd64", os="linux", config=run, rootfs=RootFS(diff_ids=(Digest(diff_id),)))
    )
    blobs = {sha256(packed): packed, sha256(config): config}
    rows = Descriptor(mt.OCI_LAYER_GZIP, sha256(packed), len(packed))
    manifest = encode(Manifest(Descriptor(mt.OCI_CONFIG, sha256(config), len(config)), (rows,)))
    with TemporaryDirectory() as place:
        async with Registry(Hosts(), ()) as client:
            repository = f"{host}/{name}"
            for digest, data in blobs.items():
                (Path(place) / digest).write_bytes(data)
                await _push_blob(client, repository, digest, Path(place) / digest, len(data))
            await client.push_manifest(repository, "1", manifest, mt.OCI_MANIFEST)


async def _push_blob(client: Registry, repository: str, digest: str, path: Path, size: int) -> None:
    await client.push_blob(repository, Descriptor(mt.OCI_LAYER_GZIP, Digest(digest), size), path)


@lru_cache(maxsize=4)
def _layer(note: str) -> tuple[bytes, str]:
    """(the archive, its diff id)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", dereference=True) as tar:
        for place, source in sorted(_files().items()):
            tar.add(source, place.lstrip("/"), recursive=False, filter=_plain)
            if source.suffix == ".py":
                _add(tar, str(PurePosixPath(place).with_suffix(".pyc")), _compiled(source, place))
        _add(tar, "note", note.encode())
    data = out.getvalue()
    return gzip.compress(data, 1, mtime=0), "sha256:" + hashlib.sha256(data).hexdigest()


def _add(tar: tarfile.TarFile, place: str, data: bytes) -> None:
    directory, name = posixpath.split(place.lstrip("/"))
    if name.endswith(".pyc"):
        name = f"__pycache__/{name.removesuffix('.pyc')}.{sys.implementation.cache_tag}.pyc"
    info = tarfile.TarInfo(posixpath.join(directory, name))
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _compiled(source: Path, place: str) -> bytes:
    """The module ready to be run, whatever the time of its source (PEP 552: unchecked)."""
    data = source.read_bytes()
    code = marshal.dumps(compile(data, place, "exec", dont_inherit=True))
    return MAGIC_NUMBER + (0b01).to_bytes(4, "little") + bytes(8) + code


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    return info


def _files() -> dict[str, Path]:
    """Path in the image → file of this host."""
    command = [sys.executable, "-c", _IMPORTED]
    said = subprocess.run(command, cwd=PROGRAM.parent, capture_output=True, text=True, check=True).stdout
    imported = [Path(line) for line in said.splitlines() if line != str(PROGRAM)]
    standard = Path(sys.base_prefix, "lib", f"python3.{sys.version_info.minor}")
    found = {"/app/toy_frontend.py": PROGRAM, "/py/bin/python3": Path(sys.executable).resolve()}
    for file in imported:
        found[_place(file, standard)] = file
    extensions = [file for file in imported if ".so" in file.name]
    for library in _libraries([found["/py/bin/python3"], *extensions]):
        loader = library.name.startswith("ld-linux")
        found[f"/lib64/{library.name}" if loader else f"/libs/{library.name}"] = library
    return found


def _place(file: Path, standard: Path) -> str:
    for root in map(Path, sys.path):
        if "site-packages" in str(root) and file.is_relative_to(root):
            return f"/app/{file.relative_to(root)}"
    if file.is_relative_to(standard):
        return f"/py/lib/{standard.name}/{file.relative_to(standard)}"
    project = PROGRAM.parents[2]
    return f"/app/{file.relative_to(project)}"


def _libraries(programs: Iterable[Path]) -> set[Path]:
    said = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=True).stdout
    return {Path(found[1]) for line in said.splitlines() if (found := re.search(r"(/\S+) \(0x", line))}
