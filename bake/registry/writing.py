"""Writing to a registry, in a worker thread: manifests, mounts, and uploads that go on after a break.

A blob up to `SINGLE` bytes goes in one PUT. A larger one goes by PATCH, `CHUNK` bytes each, as a registry that can
resume at all keeps what came; the offset it reports is where the next PATCH starts (distribution spec, "push").
Docker's own registry signs the offset into the address of an upload: it goes on between chunks, but not after one that
broke off.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlencode, urlsplit

from bake.errors import Diagnostic, HostError, RemoteError
from bake.oci.digest import Digest, is_digest, sha256
from bake.oci.model import Descriptor
from bake.registry import problems
from bake.registry.endpoint import Endpoint, pull_scope, push_scope
from bake.registry.http import resolved, unreachable
from bake.registry.operation import Operation
from bake.registry.problems import ResponseError, UnreachableError
from bake.registry.reading import head_blob
from bake.registry.request import FileBody
from bake.registry.transport import Response
from bake.registry.trouble import Trouble

SINGLE = 8 * 1024 * 1024
CHUNK = 64 * 1024 * 1024
_LEAST_CHUNK = 1024 * 1024
_COMMIT_PATIENCE = 300.0  # seconds; some registries hash the whole blob before they answer
_MOST_MOUNTS = 3
_GONE = frozenset({404, 409, 416})  # the session is lost or of another mind: begin again

Offered = Literal["present", "mounted", "missing"]


@dataclass(frozen=True, slots=True)
class Offer:
    """What became of an offered blob. `session` is an upload that the registry opened instead of mounting, or ""."""

    outcome: Offered
    session: str = ""


def offer_blob(operation: Operation, endpoint: Endpoint, path: str, digest: str, mount_from: Sequence[str]) -> Offer:
    """Sees whether the blob is there, or can be mounted from a repository of `mount_from`. Raises RemoteError."""
    if head_blob(operation, endpoint, path, digest, (push_scope(path),)):
        return Offer("present")
    session = ""
    for source in [s for s in mount_from if s != path][:_MOST_MOUNTS]:
        try:
            response = _open(operation, endpoint, path, {"mount": digest, "from": source}, (pull_scope(source),))
        except UnreachableError:
            raise
        except RemoteError:
            continue  # no access to the source, or no mounts here at all: there are other ways
        if response.status == 201:
            return Offer("mounted")
        session = _location(operation, response)
    return Offer("missing", session)


def upload_blob(
    operation: Operation, endpoint: Endpoint, path: str, descriptor: Descriptor, file: Path, session: str = ""
) -> None:
    """Uploads `file` as the blob; `session` is an open upload to use. Goes on or begins again after breaks.

    Raises RemoteError, and HostError when the file is not what the descriptor says.
    """
    _check_file(operation, descriptor, file)
    upload = _Upload(operation, endpoint, path, descriptor, file, session)
    pauses = endpoint.http.patience.pauses()
    while True:
        before = upload.offset
        try:
            upload.go_on()
            return
        except Trouble as trouble:
            failure: RemoteError = unreachable(operation, f"https://{endpoint.domain}/v2/{path}", trouble)
            reason, least = trouble.reason, 0.0
        except ResponseError as error:
            if error.status == 413 and upload.shrink():
                continue
            if error.status < 500 and error.status not in _GONE | {429}:
                raise
            failure, reason, least = error, f"status {error.status}", error.retry_after or 0.0
        pause = next(pauses, None)
        if pause is None or least > endpoint.http.patience.longest:
            raise failure
        endpoint.http.wait(operation, max(pause, least), f"{endpoint.domain}: {reason}")
        if upload.recover():
            return
        if upload.offset > before:
            pauses = endpoint.http.patience.pauses()


def push_manifest(
    operation: Operation, endpoint: Endpoint, path: str, target: str, data: bytes, media_type: str
) -> Digest:
    """Puts a manifest under a tag or its digest; idempotent. Raises RemoteError."""
    _put_manifest(operation, endpoint, path, target, data, media_type)
    return sha256(data)


def push_with_subject(operation: Operation, endpoint: Endpoint, path: str, data: bytes, media_type: str) -> bool:
    """Puts a manifest that refers to another by its digest; whether the registry takes note of that itself."""
    response = _put_manifest(operation, endpoint, path, sha256(data), data, media_type)
    return is_digest(response.headers.get("OCI-Subject", ""))


def _put_manifest(
    operation: Operation, endpoint: Endpoint, path: str, target: str, data: bytes, media_type: str
) -> Response:
    response = endpoint.request(
        operation,
        "PUT",
        f"/v2/{path}/manifests/{quote(target, safe=':')}",
        path=path,
        scopes=(push_scope(path),),
        expect=(200, 201, 202),
        headers={"Content-Type": media_type},
        body=data,
        patience=_COMMIT_PATIENCE,
    )
    response.discard()
    digest = sha256(data)
    said = response.headers.get("Docker-Content-Digest", "")
    if is_digest(said) and said != digest:
        raise problems.unverified(operation.what, f"{endpoint.domain} took it as {said} instead of {digest}")
    return response


def _check_file(operation: Operation, descriptor: Descriptor, file: Path) -> None:
    try:
        size = file.stat().st_size
    except OSError as error:
        size, reason = -1, f"{file} cannot be read: {error.strerror}"
    else:
        reason = f"{file} has {size} bytes, not {descriptor.size}"
    if size != descriptor.size:
        hint = "the store is damaged; see: bake cache verify"
        raise HostError(Diagnostic("store-damaged", f"cannot {operation.what}: {reason}", hint=hint))


def _open(
    operation: Operation,
    endpoint: Endpoint,
    path: str,
    query: dict[str, str] | None = None,
    more_scopes: tuple[str, ...] = (),
) -> Response:
    response = endpoint.request(
        operation,
        "POST",
        f"/v2/{path}/blobs/uploads/" + ("?" + urlencode(query) if query else ""),
        path=path,
        scopes=(push_scope(path), *more_scopes),
        expect=(201, 202) if query else (202,),
        headers={"Content-Length": "0"},
    )
    response.discard()
    return response


def _location(operation: Operation, response: Response) -> str:
    location = response.headers.get("Location", "")
    if not location:
        raise problems.broken(operation.what, "the registry opened an upload without saying where")
    return resolved(operation, response.url, location)


@dataclass(slots=True)
class _Upload:
    """An upload under way. `location` is the open session, "" for none; the registry has `offset` bytes of it."""

    operation: Operation
    endpoint: Endpoint
    path: str
    descriptor: Descriptor
    file: Path
    location: str = ""
    offset: int = 0
    chunk: int = 0

    def go_on(self) -> None:
        """Sends what is missing and closes the upload."""
        if not self.location:
            self.location, self.offset = _location(self.operation, _open(self.operation, self.endpoint, self.path)), 0
        if not self.offset and self.descriptor.size <= (self.chunk or SINGLE):
            self._commit(FileBody(self.file, 0, self.descriptor.size))
            return
        while self.offset < self.descriptor.size:
            left = self.descriptor.size - self.offset
            self._patch(FileBody(self.file, self.offset, min(left, self.chunk or CHUNK)))
        self._commit(FileBody(self.file, self.descriptor.size, 0))

    def recover(self) -> bool:
        """After a break: asks how far it came, or forgets the session. Whether the blob is there after all."""
        if head_blob(self.operation, self.endpoint, self.path, self.descriptor.digest, (push_scope(self.path),)):
            self.operation.transferred = self.descriptor.size
            return True
        self.location, self.offset = self._state() if self.location else ("", 0)
        return False

    def shrink(self) -> bool:
        """After a refusal of so many bytes at once, by a proxy most often; False when they are few already."""
        self.chunk = (self.chunk or min(CHUNK, self.descriptor.size)) // 4
        if self.chunk < _LEAST_CHUNK:
            return False
        self.location, self.offset = self._state() if self.location else ("", 0)
        return True

    def _patch(self, body: FileBody) -> None:
        partial = body.size < self.descriptor.size  # the whole at once is a stream, which has no range
        headers = {"Content-Range": f"{body.offset}-{body.offset + body.size - 1}"} if partial else {}
        response = self._request("PATCH", self.location, (202, 204), headers, body)
        self.location = _location(self.operation, response)
        self.offset = body.offset + body.size

    def _commit(self, body: FileBody) -> None:
        self._request("PUT", _with_query(self.location, "digest", self.descriptor.digest), (201, 204), {}, body)

    def _state(self) -> tuple[str, int]:
        """A range of `0-0` means no byte with some registries and one with others, so it means a new upload."""
        try:
            response = self._request("GET", self.location, (202, 204), {}, None)
        except ResponseError:
            return "", 0
        match = re.fullmatch(r"(?:bytes=)?0-(\d{1,18})", response.headers.get("Range", "").strip())
        end = int(match[1]) if match else 0
        if not 0 < end < self.descriptor.size:
            return "", 0
        location = response.headers.get("Location") or self.location
        return resolved(self.operation, response.url, location), end + 1

    def _request(
        self, method: str, url: str, expect: tuple[int, ...], headers: dict[str, str], body: FileBody | None
    ) -> Response:
        response = self.endpoint.request(
            self.operation,
            method,
            url,
            path=self.path,
            scopes=(push_scope(self.path),),
            expect=expect,
            headers=headers if body is None else {"Content-Type": "application/octet-stream", **headers},
            body=body,
            patience=_COMMIT_PATIENCE,
        )
        response.discard()
        return response


def _with_query(url: str, name: str, value: str) -> str:
    separator = "&" if urlsplit(url).query else "?"
    return f"{url}{separator}{urlencode({name: value})}"
