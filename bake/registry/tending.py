"""What keeping a cache in a registry needs besides images: the tags with one beginning, and taking manifests away."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode

from bake.registry.client import Registry
from bake.registry.endpoint import Endpoint, delete_scope, pull_scope
from bake.registry.operation import Operation
from bake.registry.reading import names_in, next_page
from bake.registry.transport import Response

_PAGE = 1000
_MOST_PAGES = 20
_LIMIT = 4 << 20


async def tags_after(registry: Registry, repository: str, prefix: str) -> tuple[str, ...]:
    """Tags that begin with `prefix`. A registry that can start a list anywhere is asked only for these. RemoteError."""

    def work(operation: Operation, endpoint: Endpoint, path: str) -> tuple[str, ...]:
        url = f"/v2/{path}/tags/list?{urlencode({'n': _PAGE, 'last': prefix})}"
        found: list[str] = []
        for _ in range(_MOST_PAGES):
            response, data = endpoint.http.whole(
                operation, partial(_page, operation, endpoint, path, url), _LIMIT, "the list"
            )
            names = names_in(operation, response.url, data, "tags")
            found += [name for name in names if name.startswith(prefix)]
            url = next_page(operation, response)
            if not url or (names and names[-1] > prefix and not names[-1].startswith(prefix)):
                break
        return tuple(dict.fromkeys(found))

    return await registry.ask(f"list the tags of {repository}", repository, work)


def _page(operation: Operation, endpoint: Endpoint, path: str, url: str) -> Response:
    return endpoint.request(operation, "GET", url, path=path, scopes=(pull_scope(path),), expect=(200,))


async def delete_manifest(registry: Registry, repository: str, digest: str) -> None:
    """Deletes a manifest, with the tags that name it. Raises RemoteError where the registry forbids that."""

    def work(operation: Operation, endpoint: Endpoint, path: str) -> None:
        endpoint.request(
            operation,
            "DELETE",
            f"/v2/{path}/manifests/{digest}",
            path=path,
            scopes=(delete_scope(path),),
            expect=(200, 202, 404),
        ).discard()

    await registry.ask(f"delete {digest} from {repository}", repository, work)
