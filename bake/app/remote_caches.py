"""`cache-from` and `cache-to` for builders: BuildKit's own cache, kept beside bake's, as neither can read the other.

A builder reads the reference itself, for caches that the peer wrote, and the one with `-buildkit` at its end; it writes
only the latter, so that the cache of the embedded engine under the same name stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from bake.engine.buildkit.solve import Caches
from bake.errors import Diagnostic
from bake.oci.reference import parse_reference
from bake.spec.target import Table, Target

_OWN = "-buildkit"


def caches_of(target: Target, warn: Callable[[Diagnostic], None]) -> Caches:
    """What a target's builder imports and exports; says which rows a builder can do nothing with."""
    imports: list[Mapping[str, str]] = []
    exports: list[Mapping[str, str]] = []
    for row in _registries(target, target.cache_from, "cache-from", warn):
        imports += [_entry(row, own=True), _entry(row, own=False)]
    for row in _registries(target, target.cache_to, "cache-to", warn):
        ignored = str(row.get("ignore-error", True)).lower()
        exports.append(_entry(row, own=True) | {"mode": str(row.get("mode", "min")), "ignore-error": ignored})
    return Caches(tuple(imports), tuple(exports))


def _registries(target: Target, rows: Iterable[Table], key: str, warn: Callable[[Diagnostic], None]) -> Iterable[Table]:
    for number, row in enumerate(rows):
        if row.get("type") == "registry" and row.get("ref"):
            yield row
            continue
        message = f"`{key}` of target '{target.name}': a builder exchanges its cache by registries only"
        hint = 'use type = "registry", or --engine embedded'
        warn(Diagnostic("cache-left-out", message, target.span(f"{key}[{number}]"), hint, severity="warning"))


def _entry(row: Table, *, own: bool) -> dict[str, str]:
    reference = parse_reference(str(row["ref"])).with_default_tag()
    ref = f"{reference.repository}:{reference.tag or 'latest'}{_OWN}" if own else str(reference)
    return {"type": "registry", "ref": ref}
