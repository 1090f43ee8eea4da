"""All that an image consists of: from what a tag points at, through its indexes, to every config and layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bake.oci.documents import decode_manifest
from bake.oci.model import Descriptor, Index, Manifest
from bake.registry import problems
from bake.registry.places import Place
from bake.registry.publication import Document

_DEEPEST = 3
_MOST = 2000  # manifests of one image; a registry could make them up without end


@dataclass(frozen=True, slots=True)
class Node:
    """A manifest or index: its bytes, what is in it, what named it. `children` of an index, in its order."""

    descriptor: Descriptor
    document: Document
    content: Manifest | Index
    children: tuple[Node, ...] = ()

    def walk(self) -> tuple[Node, ...]:
        """All nodes, children before those that name them."""
        return (*(node for child in self.children for node in child.walk()), self)

    def blobs(self) -> tuple[Descriptor, ...]:
        """Configs and layers of all manifests, each once; none that lie elsewhere on the web (`urls`)."""
        manifests = [node.content for node in self.walk() if isinstance(node.content, Manifest)]
        found = {row.digest: row for each in manifests for row in (each.config, *each.layers) if not row.urls}
        return tuple(found.values())


async def read_tree(place: Place, target: str, want: Callable[[Descriptor], bool] = lambda _row: True) -> Node:
    """The image under a tag or digest; of indexes only the entries that `want` accepts. Raises BakeError."""
    descriptor, data = await place.manifest(target)
    count = [0]
    return await _node(place, descriptor, data, want, 0, count)


async def _node(
    place: Place, descriptor: Descriptor, data: bytes, want: Callable[[Descriptor], bool], depth: int, count: list[int]
) -> Node:
    what = f"read the manifest {descriptor.digest}"
    count[0] += 1
    if depth > _DEEPEST or count[0] > _MOST:
        raise problems.broken(what, f"its indexes go more than {_DEEPEST} deep or name more than {_MOST} manifests")
    try:
        content = decode_manifest(data, descriptor.media_type)
    except ValueError as error:
        raise problems.broken(what, str(error)) from None
    children = []
    for row in content.manifests if isinstance(content, Index) else ():
        if not want(row):
            continue
        found, inner = await place.manifest(row.digest)
        if len(inner) != row.size:
            raise problems.unverified(what, f"{row.digest} has {len(inner)} bytes, the index says {row.size}")
        named = Descriptor(found.media_type, row.digest, row.size, row.annotations, row.platform, row.artifact_type)
        children.append(await _node(place, named, inner, want, depth + 1, count))
    return Node(descriptor, Document(data, content.media_type), content, tuple(children))
