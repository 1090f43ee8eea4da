"""bake's side: every case as a target of one spec, built in this process on one store, read from real archives."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anyio
from diff_cases import Case, base_of, bases
from diff_images import Rows, read_layer, result

from bake.app.building import build
from bake.app.options import Options
from bake.app.results import decode, name_of
from bake.app.session import Session
from bake.errors import BakeError, InputError
from bake.image.assemble import LayerInfo, assemble
from bake.oci.media_types import compression_of
from bake.plan.tree import StateId

BUSYBOX = Path("/bin/busybox")


def write_busybox(root: Path) -> None:
    """A root file system of one static program and its links, with users."""
    (root / "bin").mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin/busybox")
    (root / "bin/busybox").chmod(0o755)
    listed = subprocess.run([str(BUSYBOX), "--list"], check=True, capture_output=True, text=True).stdout.split()
    for name in sorted({"sh", *listed} - {"busybox"}):
        (root / "bin" / name).symlink_to("busybox")
    for name in ("etc", "root", "tmp", "home/bob"):
        (root / name).mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nbob:x:1001:1002::/home/bob:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nbob:x:1002:\nteam:x:1003:bob\n")
    (root / "tmp").chmod(0o1777)


def write_cases(root: Path, cases: Iterable[Case]) -> None:
    """The contexts of all cases and of the base images, under `root`."""
    for case in [*bases(), *cases]:
        if case.name == "base":
            write_busybox(root / case.name / "rootfs")
            (root / case.name / "Dockerfile").write_text(case.dockerfile)
        else:
            case.write(root)


class Subject:
    """Builds cases below `root` and keeps what came of each in `store`."""

    def __init__(self, root: Path, store: Path) -> None:
        self.root = root
        self._environment = {"BAKE_STORE": str(store), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(root)}
        self._bases = [case.name for case in bases()]
        self.said = ""

    def write_spec(self, cases: Iterable[Case]) -> None:
        """The bake.toml with one target for each case."""
        targets = {case.name: self._target(case) for case in [*bases(), *cases]}
        (self.root / "bake.toml").write_text("".join(_table(name, row) for name, row in targets.items()))

    def _target(self, case: Case) -> dict[str, Any]:
        contexts = {name: f"target:{name}" for name in base_of(case, self._bases) if name != case.name}
        for name, given in case.contexts.items():
            contexts[name] = given.replace("image:", "target:") if given[:6] == "image:" else f"{case.name}/{given}"
        row: dict[str, Any] = {"context": case.name, "contexts": contexts, "args": dict(case.args), "network": "none"}
        row["secret"] = [{"id": key, "src": f"{case.name}/{path}"} for key, path in case.secrets.items()]
        return row | ({"target": case.target} if case.target else {})

    def options(self, *names: str) -> Options:
        return Options(names=names, directory=str(self.root), environment=self._environment, keep_going=True)

    def build(self, *names: str) -> tuple[BakeError, ...]:
        """What went wrong, also kept in `said`; nothing if all is well."""
        try:
            errors = anyio.run(build, self.options(*names), lambda _event: None).errors
        except BakeError as error:
            errors = (error,)
        self.said = "\n".join(map(str, errors))
        return errors

    def build_all(self, cases: Iterable[Case]) -> dict[str, str]:
        """Builds all cases in one run; what is said of those that cannot be planned, by name."""
        left, refused = {case.name: case for case in cases}, dict[str, str]()
        while left:
            self.write_spec(left.values())
            bad = {_case_of(error): error for error in self.build("all") if isinstance(error, InputError)}
            bad.pop("", None)
            refused |= {name: str(error) for name, error in bad.items()}
            if not bad.keys() & left.keys():
                break
            left = {name: case for name, case in left.items() if name not in bad}
        return refused

    def alone(self, case: Case, store: Path) -> dict[str, Any]:
        """The result of a case in a store of its own: elsewhere a layer may be another case's, of the same content but
        other times (DESIGN.md §2)."""
        subject = Subject(self.root, store)
        subject.write_spec([case])
        subject.build(case.name)
        return subject.read([case])[case.name]

    def read(self, cases: Iterable[Case]) -> dict[str, dict[str, Any]]:
        """The results of those of `cases` that are built."""
        return anyio.run(self._read, list(cases))

    async def _read(self, cases: list[Case]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        layers: dict[tuple[StateId, int | None], tuple[LayerInfo, Rows]] = {}
        with Session(self.options()) as session:
            for case in cases:
                data = session.store.results.load(name_of(str(self.root), case.name, str(session.platform)))
                if data is None:
                    continue
                record = decode(data)
                epoch = record.epoch if case.rewrite else None
                for state in record.states:
                    if (state, epoch) not in layers:
                        layers[state, epoch] = await _archived(session, state, epoch)
                rows = [layers[state, epoch] for state in record.states]
                image = record.image()
                infos = dict(zip(image.layers, [info for info, _ in rows], strict=True))
                made = assemble(image, infos, epoch=record.epoch)
                found[case.name] = result(json.loads(made.config), [listing for _, listing in rows])
            await session.engine.close()
        return found


async def _archived(session: Session, state: StateId, epoch: int | None) -> tuple[LayerInfo, Rows]:
    """A layer's archive as it would be published, and what is in it."""
    layer = await session.engine.archive(state, "none", 0)
    blob = next(blob for blob in layer.blobs if not compression_of(blob.media_type))
    if epoch is not None:
        _, blob = await session.engine.archive_dated(state, "none", 0, epoch)
    path = session.store.blobs.path(blob.digest)
    assert path is not None
    return LayerInfo(layer.diff_id, blob, layer.created), read_layer(path)


def _case_of(error: BakeError) -> str:
    """The case whose Dockerfile an error points into."""
    spans = [diagnostic.span for diagnostic in error.diagnostics if diagnostic.span]
    return spans[0].source.name.split("/")[0] if spans else ""


def _table(name: str, row: dict[str, Any]) -> str:
    return f"[target.{name}]\n" + "".join(f"{key} = {_value(value)}\n" for key, value in row.items())


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {json.dumps(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)
