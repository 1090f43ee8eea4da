"""`bake tags` and `bake catalog`: what a registry holds."""

from __future__ import annotations

from bake.app.options import Options
from bake.app.session import Session
from bake.errors import Diagnostic, InputError
from bake.oci.reference import Reference, parse_reference


async def tags(options: Options, repository: str) -> tuple[str, ...]:
    """All tags of a repository. Raises RemoteError."""
    with Session(options) as session:
        return await session.registry.tags(_reference(repository).repository)


async def catalog(options: Options, host: str) -> tuple[str, ...]:
    """All repositories of a registry. Raises RemoteError."""
    with Session(options) as session:
        return await session.registry.catalog(host)


def _reference(text: str) -> Reference:
    try:
        return parse_reference(text)
    except ValueError as error:
        raise InputError(Diagnostic("bad-reference", str(error))) from None
