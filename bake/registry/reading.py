"""Reading from a registry, in a worker thread: manifests, blobs, and lists that come page by page."""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

import msgspec

from bake.errors import Diagnostic, HostError
from bake.oci import media_types
from bake.oci.digest import Digest, is_digest, sha256
from bake.oci.documents import MANIFEST_LIMIT, decode_manifest
from bake.oci.model import Descriptor, Index
from bake.registry import problems
from bake.registry.endpoint import CATALOG_SCOPE, Endpoint, pull_scope
from bake.registry.http import resolved, unreachable
from bake.registry.operation import Operation
from bake.registry.transport import Response
from bake.registry.trouble import Trouble

_PAGE_LIMIT = 16 * 1024 * 1024
_MOST_NAMES = 100_000
_PAGE = 1000


def resolve(operation: Operation, endpoint: Endpoint, path: str, target: str) -> Descriptor:
    """What a tag or digest stands for, by HEAD; by GET where HEAD does not tell. Raises RemoteError."""
    response = _manifest(operation, endpoint, "HEAD", path, target, expect=(200, 400, 405, 501))
    response.discard()
    digest = response.headers.get("Docker-Content-Digest", "")
    length = response.headers.get("Content-Length", "")
    media_type = _media_type(response)
    complete = is_digest(digest) and length.isdecimal() and media_type in media_types.ACCEPTED
    if response.status != 200 or not complete:
        return manifest(operation, endpoint, path, target)[0]
    if is_digest(target) and digest != target:
        raise problems.unverified(operation.what, f"{endpoint.domain} names {digest} for {target}")
    return Descriptor(media_type, Digest(digest), int(length))


def manifest(operation: Operation, endpoint: Endpoint, path: str, target: str) -> tuple[Descriptor, bytes]:
    """The manifest's descriptor and its bytes, verified against a digest in `target`. Raises RemoteError."""
    response, data = endpoint.http.whole(
        operation,
        lambda: _manifest(operation, endpoint, "GET", path, target, expect=(200,)),
        MANIFEST_LIMIT,
        "the manifest",
    )
    digest = sha256(data)
    said = response.headers.get("Docker-Content-Digest", "")
    for wanted in (target, said):
        if is_digest(wanted) and wanted != digest:
            raise problems.unverified(operation.what, f"the manifest has the digest {digest}, not {wanted}")
    return Descriptor(_own_media_type(response, data), digest, len(data)), data


def has_blob(operation: Operation, endpoint: Endpoint, path: str, digest: str) -> bool:
    """Whether the repository holds the blob, by HEAD. Raises RemoteError."""
    return head_blob(operation, endpoint, path, digest, (pull_scope(path),))


def head_blob(operation: Operation, endpoint: Endpoint, path: str, digest: str, scopes: tuple[str, ...]) -> bool:
    """As `has_blob`, with the scopes that the requests after it need anyway."""
    response = endpoint.request(
        operation, "HEAD", f"/v2/{path}/blobs/{digest}", path=path, scopes=scopes, expect=(200, 404)
    )
    response.discard()
    return response.status == 200


def blob_bytes(operation: Operation, endpoint: Endpoint, path: str, descriptor: Descriptor, limit: int) -> bytes:
    """A small blob in memory, verified. Raises RemoteError."""
    if descriptor.size > limit:
        raise problems.broken(operation.what, f"it has {descriptor.size} bytes; more than {limit} are not accepted")
    sink = bytearray()
    _stream(operation, endpoint, path, descriptor, sink.extend, sink.clear)
    return bytes(sink)


def fetch_blob(operation: Operation, endpoint: Endpoint, path: str, descriptor: Descriptor, file: Path) -> None:
    """Downloads a blob to `file`, verified while it streams; on any failure the file is removed.

    A download that breaks off goes on where it was. Raises RemoteError, and HostError when the file cannot be written.
    """
    try:
        with file.open("wb") as sink:
            _stream(operation, endpoint, path, descriptor, sink.write, lambda: (sink.seek(0), sink.truncate()))
    except BaseException as error:
        file.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(operation, file, error) from None
        raise


def pages(operation: Operation, endpoint: Endpoint, path: str) -> tuple[str, ...]:
    """The tags of a repository, or with an empty `path` the repositories of the registry. Raises RemoteError."""
    key, start, scope = ("tags", f"/v2/{path}/tags/list", pull_scope(path)) if path else (
        "repositories", "/v2/_catalog", CATALOG_SCOPE
    )  # fmt: skip
    names: list[str] = []
    seen: set[str] = set()
    url = f"{start}?n={_PAGE}"
    while url and url not in seen:
        seen.add(url)
        response, data = endpoint.http.whole(
            operation, partial(_page, operation, endpoint, path, url, scope), _PAGE_LIMIT, "the list"
        )
        names += names_in(operation, response.url, data, key)
        if len(names) > _MOST_NAMES:
            raise problems.broken(operation.what, f"{endpoint.domain} lists more than {_MOST_NAMES} names")
        url = next_page(operation, response)
    return tuple(dict.fromkeys(names))


def referrers(operation: Operation, endpoint: Endpoint, path: str, digest: str) -> tuple[Descriptor, ...] | None:
    """What the referrers API lists for a digest; None where the registry has no such API. Raises RemoteError."""
    found: dict[str, Descriptor] = {}
    seen: set[str] = set()
    url = f"/v2/{path}/referrers/{digest}"
    while url and url not in seen:
        seen.add(url)
        ask = partial(_referrers, operation, endpoint, path, url)
        response, data = endpoint.http.whole(operation, ask, _PAGE_LIMIT, "the list of referrers")
        if response.status != 200 or _media_type(response) not in media_types.INDEXES:
            return None
        try:
            index = decode_manifest(data, _media_type(response))
        except ValueError as error:
            raise problems.broken(operation.what, str(error)) from None
        found |= {row.digest: row for row in index.manifests} if isinstance(index, Index) else {}
        if len(found) > _MOST_NAMES:
            raise problems.broken(operation.what, f"{endpoint.domain} lists more than {_MOST_NAMES} referrers")
        url = next_page(operation, response)
    return tuple(found.values())


def _referrers(operation: Operation, endpoint: Endpoint, path: str, url: str) -> Response:
    expect = (200, 400, 404, 405, 501)
    scopes = (pull_scope(path),)
    headers = {"Accept": media_types.OCI_INDEX}
    return endpoint.request(operation, "GET", url, path=path, scopes=scopes, expect=expect, headers=headers)


def _page(operation: Operation, endpoint: Endpoint, path: str, url: str, scope: str) -> Response:
    return endpoint.request(operation, "GET", url, path=path, scopes=(scope,), expect=(200,))


def _manifest(
    operation: Operation, endpoint: Endpoint, method: str, path: str, target: str, expect: tuple[int, ...]
) -> Response:
    return endpoint.request(
        operation,
        method,
        f"/v2/{path}/manifests/{quote(target, safe=':')}",
        path=path,
        scopes=(pull_scope(path),),
        expect=expect,
        headers={"Accept": ", ".join(media_types.ACCEPTED)},
    )


def _media_type(response: Response) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip()


def _own_media_type(response: Response, data: bytes) -> str:
    """What the registry says; what the manifest says where that is no manifest's type (`application/json`)."""
    said = _media_type(response)
    if said in media_types.ACCEPTED:
        return said
    try:
        own = msgspec.json.decode(data)["mediaType"]
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError, UnicodeDecodeError):
        own = None
    return own if isinstance(own, str) else said


def names_in(operation: Operation, url: str, data: bytes, key: str) -> list[str]:
    """The names of one page. Raises RemoteError."""
    try:
        return msgspec.convert(msgspec.json.decode(data)[key] or [], list[str])
    except (msgspec.MsgspecError, KeyError, TypeError, RecursionError, UnicodeDecodeError):
        raise problems.broken(operation.what, f"the answer of {problems.bare(url)} is not a list") from None


def next_page(operation: Operation, response: Response) -> str:
    """The next page, as path and query: whatever host a Link names, the pages are of this registry."""
    match = re.match(r'\s*<([^>]*)>\s*;.*rel="?next"?', response.headers.get("Link", ""))
    if not match:
        return ""
    parts = urlsplit(resolved(operation, response.url, str(match[1])))
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _stream(
    operation: Operation,
    endpoint: Endpoint,
    path: str,
    descriptor: Descriptor,
    write: Callable[[bytes], object],
    restart: Callable[[], object],
) -> None:
    """Gives the blob to `write`, going on where a broken download stopped; verifies size and digest."""
    done, hasher = 0, hashlib.sha256()
    pauses = endpoint.http.patience.pauses()
    while True:
        before = done
        try:
            response = _blob(operation, endpoint, path, descriptor, done)
            if done and not _continues(response, done):
                done, hasher = 0, hashlib.sha256()
                restart()
            for block in _bounded(operation, response, descriptor.size - done):
                write(block)
                hasher.update(block)
                done += len(block)
                operation.transferred = done
            break
        except Trouble as trouble:
            pauses = endpoint.http.patience.pauses() if done - before > _WORTH_GOING_ON else pauses
            pause = next(pauses, None)
            if pause is None:
                raise unreachable(operation, f"https://{endpoint.domain}/v2/{path}", trouble) from None
            endpoint.http.wait(operation, pause, f"{endpoint.domain}: {trouble.reason} after {done} bytes")
    if done != descriptor.size:
        raise problems.unverified(operation.what, f"it has {done} bytes, not {descriptor.size}")
    if (digest := "sha256:" + hasher.hexdigest()) != descriptor.digest:
        raise problems.unverified(operation.what, f"its content has the digest {digest}")


_WORTH_GOING_ON = 1024 * 1024  # bytes; a try that brought so many resets the count of tries


def _unwritable(operation: Operation, file: Path, error: OSError) -> HostError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = "free some space, for example with: bake cache prune" if full else None
    message = f"cannot {operation.what}: {file.parent} cannot be written: {error.strerror}"
    return HostError(Diagnostic("disk-full" if full else "not-writable", message, hint=hint))


def _blob(operation: Operation, endpoint: Endpoint, path: str, descriptor: Descriptor, offset: int) -> Response:
    return endpoint.request(
        operation,
        "GET",
        f"/v2/{path}/blobs/{descriptor.digest}",
        path=path,
        scopes=(pull_scope(path),),
        expect=(200, 206) if offset else (200,),
        headers={"Range": f"bytes={offset}-"} if offset else {},
    )


def _continues(response: Response, offset: int) -> bool:
    content_range = response.headers.get("Content-Range", "")
    return response.status == 206 and content_range.replace("=", " ").startswith(f"bytes {offset}-")


def _bounded(operation: Operation, response: Response, left: int) -> Iterator[bytes]:
    """The body's blocks, up to `left` bytes; one more byte is an error, so an endless body ends here."""
    for block in response.chunks():
        left -= len(block)
        if left < 0:
            response.close()
            raise problems.unverified(operation.what, "it is longer than its descriptor says")
        yield block
