"""Files from URLs (ADD https://…): downloaded once, revalidated by ETag, and as last known when offline (SPEC §3.7)."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bake.errors import Diagnostic, InputError, RemoteError, StepError
from bake.gather.archives import is_archive, newest
from bake.gather.kept import kept
from bake.plan.facts import UrlFact
from bake.plan.step import HttpOp
from bake.ports.store import Store

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_TRIES = 4
_CHUNK = 1 << 20


class _Known(msgspec.Struct, frozen=True):
    digest: str
    size: int
    mtime: float
    etag: str = ""


def url_fact(
    op: HttpOp, store: Store, warn: Callable[[Diagnostic], None], pinned: str = "", pull: bool = False
) -> UrlFact:
    """The digest of what the URL serves now; its bytes are in the store then. Blocks.

    `pinned`: the digest that bake.lock has for it. Raises RemoteError when it can neither be fetched nor is known,
    StepError when it is not what `checksum` says, InputError when it is not what the lock says.
    """
    wanted = op.checksum or pinned
    exact = _known(store, f"{wanted} {op.url}") if wanted else None
    if exact is not None:
        return _fact(exact, store)
    known = _known(store, op.url)
    try:
        found = _fetch(op.url, known, store)
    except RemoteError as error:
        if known is None or wanted or pull:
            raise
        message = f"{op.url} could not be fetched ({error}); what it served last is used"
        warn(Diagnostic("offline", message, severity="warning", hint="--pull makes this an error"))
        found = known
    if op.checksum and found.digest != op.checksum:
        message = f"digest mismatch for {op.url}: {found.digest} (expected: {op.checksum})"
        raise StepError(
            Diagnostic("digest-mismatch", message, hint="the file changed, or --checksum names another one")
        )
    if pinned and not op.checksum and found.digest != pinned:
        message = f"{op.url} is not what bake.lock pins: {found.digest} (locked: {pinned})"
        raise InputError(
            Diagnostic("lock-mismatch", message, hint="if that is right: bake lock --upgrade, and its name")
        )
    if found != known:
        for name in (op.url, f"{found.digest} {op.url}"):
            store.files.remember_fact("url", name, msgspec.msgpack.encode(found))
    return _fact(found, store)


def _fact(known: _Known, store: Store) -> UrlFact:
    path = store.blobs.path(known.digest)
    assert path is not None
    archive = is_archive(path)
    time = known.mtime or (newest(path) if archive else 0.0)
    return UrlFact(known.digest, known.size, known.mtime, archive, time)


def _known(store: Store, name: str) -> _Known | None:
    """What was served under `name`, a URL or a digest and a URL; None if its bytes are gone."""
    known = kept(store.files.fact("url", name), _Known)
    return known if known is not None and store.blobs.path(known.digest) is not None else None


def _fetch(url: str, known: _Known | None, store: Store) -> _Known:
    import urllib3

    headers = {"User-Agent": "bake", "Accept-Encoding": "identity"}
    if known is not None and known.etag:
        headers["If-None-Match"] = known.etag
    retries = urllib3.Retry(_TRIES, backoff_factor=0.3, status_forcelist=(429, 500, 502, 503, 504), redirect=10)
    pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=10, read=60), retries=retries, **_tls())
    try:
        response = pool.request("GET", url, headers=headers, preload_content=False)
        if response.status == 304 and known is not None:
            return known
        if response.status >= 400:
            raise RemoteError(Diagnostic("bad-url", f"{url}: invalid response status {response.status}"))
        return _save(response, store)
    except urllib3.exceptions.HTTPError as error:
        hint = "check the URL and the network; proxies come from HTTPS_PROXY and NO_PROXY"
        raise RemoteError(Diagnostic("unreachable", f"{url}: {_short(error)}", hint=hint)) from None
    finally:
        pool.clear()


def _short(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error).rpartition(": ")[2] or type(error).__name__


def _tls() -> dict[str, Any]:
    """A CA bundle named as curl and Python do; without one the system's."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if path := os.environ.get(name):
            return {"ca_certs": path}
    return {}


def _save(response: BaseHTTPResponse, store: Store) -> _Known:
    target = store.layers.scratch() / "download"
    digest, size = sha256(), 0
    with open(target, "wb") as file:
        for chunk in response.stream(_CHUNK, decode_content=True):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    name = f"sha256:{digest.hexdigest()}"
    store.blobs.adopt(Path(target), name)
    return _Known(name, size, _time(response.headers.get("Last-Modified", "")), response.headers.get("ETag", ""))


def _time(text: str) -> float:
    with suppress(TypeError, ValueError):
        return parsedate_to_datetime(text).timestamp()
    return 0.0
