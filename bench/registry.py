"""How fast images go to a registry and come back, and how much memory that takes.

    .venv/bin/python bench/registry.py [--size 1024] [--images 20] [--runs 3]

Starts docker-registry on loopback. A layer of random bytes is copied between an OCI layout and the registry by
`bake copy` and by `skopeo copy`, in turns; then the images of a matrix are pushed by one `bake push`, and one by one by
the other builders' `push` that run here. Each run is to an empty registry.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from registry_server import registry

MIB = 1024 * 1024
BAKE = (sys.executable, "-m", "bake")
SKOPEO = ("skopeo", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false")


@dataclass(frozen=True)
class Run:
    """Wall and processor time in seconds, and the most memory that was resident, in MB."""

    seconds: float
    processor: float
    resident: float


def run(argv: Sequence[str], environment: dict[str, str], directory: Path) -> Run:
    """Ends the benchmark when the command fails."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(argv, env=environment, cwd=directory, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        taken = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.exit(f"{' '.join(argv[:6])} … ended with {process.returncode}: {output.read()[-2000:].decode()}")
    return Run(taken, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def make_layout(directory: Path, size: int) -> None:
    """An image of one layer of `size` random bytes, which no compression makes smaller."""
    blobs = directory / "blobs/sha256"
    blobs.mkdir(parents=True)

    def blob(data: bytes, kind: str) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}

    hasher = hashlib.sha256()
    with (blobs / "layer").open("wb") as file:
        for _ in range(size // MIB):
            block = os.urandom(MIB)
            hasher.update(block)
            file.write(block)
    (blobs / "layer").rename(blobs / hasher.hexdigest())
    vendor = "application/vnd.oci.image"
    digest = f"sha256:{hasher.hexdigest()}"
    layer = {"mediaType": f"{vendor}.layer.v1.tar", "digest": digest, "size": size // MIB * MIB}
    rootfs = {"type": "layers", "diff_ids": [digest]}
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{vendor}.manifest.v1+json",
        "config": blob(json.dumps(config).encode(), f"{vendor}.config.v1+json"),
        "layers": [layer],
    }
    row = blob(json.dumps(manifest).encode(), f"{vendor}.manifest.v1+json")
    row["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    index = {"schemaVersion": 2, "manifests": [row]}
    (directory / "index.json").write_text(json.dumps(index))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def transfers(base: Path, size: int, runs: int, environment: dict[str, str]) -> None:
    """One large layer, both ways."""
    make_layout(base / "layout", size)
    found: dict[str, list[Run]] = {}
    for _ in range(runs):
        for name, push, pull in (
            ("bake", (*BAKE, "copy", "--progress", "quiet"), (*BAKE, "copy", "--progress", "quiet")),
            ("skopeo", SKOPEO, SKOPEO),
        ):
            scheme = "docker://" if name == "skopeo" else ""
            with scratch(base) as directory, registry(directory / "registry") as server:
                there = f"{scheme}{server.host}/big:1"
                found.setdefault(f"push {name}", []).append(
                    run((*push, f"oci:{base}/layout:1", there), environment, base)
                )
                found.setdefault(f"pull {name}", []).append(
                    run((*pull, there, f"oci:{directory}/back:1"), environment, base)
                )
    print(f"a layer of {size // MIB} MiB, median of {runs}")
    for way in ("push", "pull"):
        ours, theirs = found[f"{way} bake"], found[f"{way} skopeo"]
        for name, rows in (("bake", ours), ("skopeo", theirs)):
            print(f"  {way} {name:<7} {told(rows)}  {size / MIB / median(rows):6.0f} MiB/s")
        print(f"  {way} throughput ratio  {median(theirs) / median(ours):.2f}  (aim: at least 0.8)")


def median(rows: Sequence[Run]) -> float:
    return statistics.median(row.seconds for row in rows)


def told(rows: Sequence[Run]) -> str:
    processor = statistics.median(row.processor for row in rows)
    return f"{median(rows):6.2f} s  {processor:6.2f} s of processor  {max(row.resident for row in rows):5.0f} MB"


DOCKERFILE = """\
FROM scratch
COPY base/ /base/
ARG NAME
COPY ${NAME}/ /srv/
"""


def make_matrix(directory: Path, count: int) -> None:
    """Images that share a base of 30 MB; each has 2 MB of its own."""
    for name, amount in (("base", 30), *((f"n{number}", 2) for number in range(count))):
        path = directory / "context" / name
        path.mkdir(parents=True)
        for part in range(amount):
            (path / f"file{part}").write_bytes(os.urandom(MIB))
    (directory / "context/Dockerfile").write_text(DOCKERFILE)
    names = ", ".join(f'"n{number}"' for number in range(count))
    (directory / "bake.toml").write_text(
        '[variable]\nREGISTRY = { env = "REGISTRY", default = "localhost:1" }\n'
        f'[target.app]\ncontext = "context"\nmatrix.n = [{names}]\nargs = {{ NAME = "${{n}}" }}\n'
        'tags = ["${REGISTRY}/${n}:1"]\noutput = [{ type = "oci", dest = "out/${n}", tar = false }]\n'
    )


Command = Callable[[str], list[str]]
"""The argv that pushes all images of the matrix to a host."""


def one_by_one(commands: Callable[[str, int], list[list[str]]], count: int) -> Command:
    """A shell that pushes all images after each other."""

    def script(host: str) -> list[str]:
        lines = [" ".join(argv) for number in range(count) for argv in commands(host, number)]
        return ["sh", "-ec", "\n".join(lines)]

    return script


def peers(directory: Path, count: int, environment: dict[str, str]) -> dict[str, Command]:
    """Who else can push here, with the images loaded."""
    found = {"skopeo": one_by_one(lambda h, n: [[*SKOPEO, f"oci:out/n{n}", f"docker://{h}/n{n}:1"]], count)}
    storage = next((name for name in ("buildah", "podman") if shutil.which(name) and os.geteuid() == 0), None)
    if storage is not None and (command := in_storage(storage, directory, count, environment)):
        found[storage] = command
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        found["docker"] = in_daemon(directory, count, environment)
    return found


def in_storage(name: str, directory: Path, count: int, environment: dict[str, str]) -> Command | None:
    """buildah, or podman, which pushes by the same library; None where it does not work."""
    base = [name, "--root", f"{directory}/{name}", "--runroot", f"{directory}/{name}-run", "--storage-driver=vfs"]
    for number in range(count):
        pull = [*base, "pull", "--quiet", f"oci:{directory}/out/n{number}"]
        pulled = subprocess.run(pull, capture_output=True, text=True, env=environment, check=False)
        if pulled.returncode:
            print(f"no comparison with {name}: {pulled.stderr.strip()[-300:]}")
            return None
        image = pulled.stdout.split()[-1]
        run([*base, "tag", image, f"localhost/n{number}:1"], environment, directory)
    push = [*base, "push", "--quiet", "--tls-verify=false"]
    return one_by_one(lambda h, n: [[*push, f"localhost/n{n}:1", f"docker://{h}/n{n}:1"]], count)


def in_daemon(directory: Path, count: int, environment: dict[str, str]) -> Command:
    """A Docker Engine."""
    for number in range(count):
        host = ["--dest-daemon-host", environment["DOCKER_HOST"]] if "DOCKER_HOST" in environment else []
        load = ["skopeo", "copy", "--quiet", *host, f"oci:out/n{number}", f"docker-daemon:bench/n{number}:1"]
        run(load, environment, directory)

    def commands(host: str, number: int) -> list[list[str]]:
        there = f"{host}/n{number}:1"
        return [["docker", "tag", f"bench/n{number}:1", there], ["docker", "push", "-q", there]]

    return one_by_one(commands, count)


def matrix(base: Path, count: int, runs: int, environment: dict[str, str]) -> None:
    """Many images at once against one by one."""
    make_matrix(base, count)
    run((*BAKE, "all", "--progress", "quiet"), environment, base)
    ways: dict[str, Command] = {
        "bake": lambda _host: [*BAKE, "push", "all", "--progress", "quiet"],
        **peers(base, count, environment),
    }
    found: dict[str, list[Run]] = {}
    for _ in range(runs):
        for name, command in ways.items():
            with scratch(base) as directory, registry(directory / "registry") as server:
                variables = {**environment, "REGISTRY": server.host}
                found.setdefault(name, []).append(run(command(server.host), variables, base))
    print(f"{count} images on one base, median of {runs}")
    for name, rows in found.items():
        ratio = "" if name == "bake" else f"   ratio {median(rows) / median(found['bake']):.2f}  (aim: at least 1)"
        print(f"  {name:<12} {told(rows)}{ratio}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=1024, help="MiB of the large layer")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    for program in ("docker-registry", "skopeo"):
        if shutil.which(program) is None:
            sys.exit(f"'{program}' is not installed (Debian: {program})")
    with tempfile.TemporaryDirectory(prefix="bake-bench-", ignore_cleanup_errors=True) as name:
        base = Path(name)
        environment = {**os.environ, "BAKE_STORE": str(base / "store")}
        (base / "matrix").mkdir()
        transfers(base, asked.size * MIB, asked.runs, environment)
        matrix(base / "matrix", asked.images, asked.runs, environment)


if __name__ == "__main__":
    main()
