"""Which statements a target asks for (`attest`, `--provenance`, `--sbom`), and making them of what is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from bake.app.outputs import flag
from bake.errors import Diagnostic, InputError
from bake.gather.kept import kept
from bake.image.assemble import Assembled
from bake.image.attest.values import Invocation, ProvenanceOptions
from bake.oci.reference import Reference
from bake.plan.tree import SCRATCH, StateId
from bake.ports.engine import Engine
from bake.ports.store import Store
from bake.ports.unload import Unloader
from bake.spec.target import Table, Target

if TYPE_CHECKING:
    from bake.image.attest.packages import Package
    from bake.image.attest.statement import Statement

_KEPT = "packages 1"
"""Kind of the fact that keeps the packages of a state; the number counts the readers' versions."""

Invoked = Callable[[str, str], Invocation | None]
"""(target, platform) → how it was made, None when nobody noted it."""


@dataclass(frozen=True, slots=True)
class Attest:
    """What is stated; `inline_only`: provenance goes with images but into no file beside plain files."""

    provenance: ProvenanceOptions | None = None
    sbom: bool = False
    inline_only: bool = False

    def __bool__(self) -> bool:
        return self.provenance is not None or self.sbom


NOTHING = Attest()


def attest_of(target: Target) -> Attest:
    """Raises InputError for what cannot be stated, with its place. Nothing is stated unless asked for."""
    found = Attest()
    for number, row in enumerate(target.attest):
        if flag(row, "disabled"):
            continue
        if row["type"] == "provenance":
            found = Attest(_provenance(row), found.sbom, flag(row, "inline-only"))
            continue
        if row.get("generator"):
            message = "`generator` of an SBOM: no scanner is run; packages are read from their databases"
            span = target.span(f"attest[{number}]")
            raise InputError(Diagnostic("unsupported-output", message, span, "leave it out"))
        found = Attest(found.provenance, True, found.inline_only)
    return found


def _provenance(row: Table) -> ProvenanceOptions:
    mode: Literal["min", "max"] = "min" if row.get("mode") == "min" else "max"
    version: Literal["v1", "v0.2"] = "v0.2" if row.get("version") == "v0.2" else "v1"
    return ProvenanceOptions(mode, version, str(row.get("builder-id") or ""), flag(row, "reproducible"))


class Attestor:
    """Makes the statements of images; packages are read once a state and kept in the store."""

    def __init__(self, store: Store, engine: Engine, unloader: Unloader, invoked: Invoked) -> None:
        self._store = store
        self._engine = engine
        self._unloader = unloader
        self._invoked = invoked

    async def statements(
        self, attest: Attest, made: Assembled, final: StateId, names: tuple[Reference, ...]
    ) -> list[Statement]:
        """SBOM and provenance, as asked. Raises InputError when nobody noted how the image was made."""
        from bake.oci.documents import decode_config

        found: list[Statement] = []
        created = decode_config(made.config).created
        if attest.sbom:
            from bake.image.attest.sbom import sbom

            name = names[0].familiar if names else made.image.target
            found.append(sbom(name, made.descriptor.digest, await self._packages(final), created, _tool()))
        if attest.provenance is not None:
            from bake.image.attest.provenance import provenance

            invocation = self._invoked(made.image.target, str(made.image.platform))
            if invocation is None:
                message = f"'{made.image.target}' was built without `attest`, so how it was made is not known"
                raise InputError(Diagnostic("not-built", message, hint=f"bake {made.image.target}"))
            found.append(provenance(invocation, attest.provenance, created))
        return found

    async def _packages(self, state: StateId) -> tuple[Package, ...]:
        from bake.image.attest.packages import Package, packages, wanted

        if state == SCRATCH:
            return ()
        known = kept(self._store.files.fact(_KEPT, state), tuple[Package, ...])
        if known is not None:
            return known
        await self._engine.ensure(state, lambda _stream, _line: None)
        tree = self._store.layers.tree(state)
        found = packages(await self._unloader.read(state, wanted(tree or ())))
        self._store.files.remember_fact(_KEPT, state, msgspec.msgpack.encode(found))
        return found


def _tool() -> str:
    from bake import __version__

    return f"bake-{__version__}"
