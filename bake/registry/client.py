"""The registries of the world, for async callers: what to ask them, and what they answer.

A repository is named `domain/path`, as `Reference.repository` gives it. Each call runs in a worker thread and can be
cancelled; every refusal is a RemoteError. The HTTP stack is imported by the first call, in its thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import anyio

from bake.errors import RemoteError
from bake.oci.digest import Digest
from bake.oci.model import Descriptor
from bake.oci.reference import Reference
from bake.registry import operation
from bake.registry.credentials import Credentials, Source, default_sources
from bake.registry.hosts import Hosts, default_hosts
from bake.registry.operation import Operation, Progress
from bake.registry.patience import Notice, Patience

if TYPE_CHECKING:
    from bake.registry.endpoint import Endpoint
    from bake.registry.http import Http
    from bake.registry.login import Login
    from bake.registry.writing import Offer

T = TypeVar("T")

PushOutcome = Literal["present", "mounted", "pushed"]


class Registry:
    """A client of any number of registries. Keeps connections and tokens; one a run, closed at its end.

    `transfers` and `requests` are the most blobs and the most small requests under way at one host.
    """

    def __init__(
        self,
        hosts: Hosts | None = None,
        sources: Sequence[Source] | None = None,
        *,
        patience: Patience | None = None,
        notice: Notice | None = None,
        transfers: int = 5,
        requests: int = 8,
    ) -> None:
        self.hosts = default_hosts() if hosts is None else hosts
        self._sources = default_sources() if sources is None else tuple(sources)
        self._patience = patience or Patience()
        self._notice: Notice = notice or (lambda _line: None)
        self._limits = {"transfer": transfers, "request": requests}
        self._limiters: dict[tuple[str, str], anyio.CapacityLimiter] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._http: Http | None = None
        self._lock = threading.Lock()

    async def __aenter__(self) -> Registry:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes idle connections. The client can be used again."""
        if self._http is not None:
            self._http.close()

    async def resolve(self, reference: Reference) -> Descriptor:
        """What the reference stands for now: digest, size and media type of a manifest or index. One HEAD."""

        def work(op: Operation, endpoint: Endpoint, path: str) -> Descriptor:
            from bake.registry import reading

            return reading.resolve(op, endpoint, path, reference.target)

        return await self._read(f"look up {reference}", reference.repository, work)

    async def manifest(self, reference: Reference) -> tuple[Descriptor, bytes]:
        """The manifest or index itself, verified when the reference has a digest."""

        def work(op: Operation, endpoint: Endpoint, path: str) -> tuple[Descriptor, bytes]:
            from bake.registry import reading

            return reading.manifest(op, endpoint, path, reference.target)

        return await self._read(f"read the manifest of {reference}", reference.repository, work)

    async def has_blob(self, repository: str, digest: str) -> bool:
        """Whether the repository holds the blob."""

        def work(op: Operation, endpoint: Endpoint, path: str) -> bool:
            from bake.registry import reading

            return reading.has_blob(op, endpoint, path, digest)

        return await self.ask(f"look for {digest} in {repository}", repository, work)

    async def blob(self, repository: str, descriptor: Descriptor, limit: int = 16 * 1024 * 1024) -> bytes:
        """A small blob, verified; RemoteError when it has more than `limit` bytes."""

        def work(op: Operation, endpoint: Endpoint, path: str) -> bytes:
            from bake.registry import reading

            return reading.blob_bytes(op, endpoint, path, descriptor, limit)

        return await self._read(f"read {descriptor.digest} of {repository}", repository, work)

    async def fetch_blob(
        self, repository: str, descriptor: Descriptor, file: Path, progress: Progress | None = None
    ) -> None:
        """Downloads the blob to `file`, verified as it comes. Unless it is complete and right, no file is left."""

        def work(op: Operation, endpoint: Endpoint, path: str) -> None:
            from bake.registry import reading

            reading.fetch_blob(op, endpoint, path, descriptor, file)

        what = f"download {descriptor.digest} of {repository}"
        await self._read(what, repository, work, "transfer", progress)

    async def offer_blob(self, repository: str, digest: str, mount_from: Sequence[str] = ()) -> Offer:
        """Whether the blob is there, or could be mounted from a repository of the same registry; sends no content."""
        domain = repository.partition("/")[0]
        sources = [_path_in(domain, name) for name in mount_from]

        def work(op: Operation, endpoint: Endpoint, path: str) -> Offer:
            from bake.registry import writing

            return writing.offer_blob(op, endpoint, path, digest, [s for s in sources if s])

        return await self.ask(f"push {digest} to {repository}", repository, work)

    async def upload_blob(
        self,
        repository: str,
        descriptor: Descriptor,
        file: Path,
        session: str = "",
        progress: Progress | None = None,
    ) -> None:
        """Uploads the blob without asking whether it is there; `session` is what an offer opened."""

        def work(op: Operation, endpoint: Endpoint, path: str) -> None:
            from bake.registry import writing

            writing.upload_blob(op, endpoint, path, descriptor, file, session)

        await self.ask(f"push {descriptor.digest} to {repository}", repository, work, "transfer", progress)

    async def push_blob(
        self,
        repository: str,
        descriptor: Descriptor,
        file: Path,
        mount_from: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> PushOutcome:
        """Makes the repository have the blob, in the cheapest way that works. Idempotent."""
        offer = await self.offer_blob(repository, descriptor.digest, mount_from)
        if offer.outcome != "missing":
            return offer.outcome
        await self.upload_blob(repository, descriptor, file, offer.session, progress)
        return "pushed"

    async def push_manifest(self, repository: str, target: str, data: bytes, media_type: str) -> Digest:
        """Puts a manifest or index under a tag or under its own digest. All it names must be there already."""

        def work(op: Operation, endpoint: Endpoint, path: str) -> Digest:
            from bake.registry import writing

            return writing.push_manifest(op, endpoint, path, target, data, media_type)

        separator = "@" if ":" in target else ":"
        return await self.ask(f"push {repository}{separator}{target}", repository, work)

    async def tags(self, repository: str) -> tuple[str, ...]:
        """All tags of a repository, in the registry's order."""

        def work(op: Operation, endpoint: Endpoint, path: str) -> tuple[str, ...]:
            from bake.registry import reading

            return reading.pages(op, endpoint, path)

        return await self.ask(f"list the tags of {repository}", repository, work)

    async def catalog(self, domain: str) -> tuple[str, ...]:
        """All repositories of a registry that tells them, as paths."""

        def work(op: Operation, endpoint: Endpoint, path: str) -> tuple[str, ...]:
            from bake.registry import reading

            return reading.pages(op, endpoint, path)

        return await self.ask(f"list the repositories of {domain}", domain, work)

    async def ask(
        self,
        what: str,
        repository: str,
        work: Callable[[Operation, Endpoint, str], T],
        kind: Literal["request", "transfer"] = "request",
        progress: Progress | None = None,
    ) -> T:
        """Runs `work` on the endpoint of the repository, within the limits of its host; `what` completes "cannot …"."""
        domain, _, path = repository.partition("/")
        if (limiter := self._limiters.get((domain, kind))) is None:
            limiter = self._limiters[domain, kind] = anyio.CapacityLimiter(self._limits[kind])
        return await operation.run(
            Operation(what), lambda op: work(op, self._endpoint(domain), path), limiter, progress
        )

    async def _read(
        self,
        what: str,
        repository: str,
        work: Callable[[Operation, Endpoint, str], T],
        kind: Literal["request", "transfer"] = "request",
        progress: Progress | None = None,
    ) -> T:
        """As `ask`, from the mirrors of the registry first; whatever is wrong with a mirror, the next one is asked."""
        domain, _, path = repository.partition("/")
        for mirror in self.hosts.of(domain).mirrors:
            try:
                return await self.ask(what, f"{mirror.rstrip('/')}/{path}", work, kind, progress)
            except RemoteError as error:
                self._notice(f"{error}; going on without the mirror {mirror}")
        return await self.ask(what, repository, work, kind, progress)

    async def log_in(self, domain: str, credentials: Credentials) -> Login:
        """Has the registry check credentials, whatever is known of it otherwise. Raises RemoteError."""

        def work(op: Operation) -> Login:
            from bake.registry import login

            return login.check(op, self._connections(), domain, credentials)

        return await operation.run(Operation(f"log in to {domain}"), work)

    def _endpoint(self, domain: str) -> Endpoint:
        from bake.registry.auth import Auth
        from bake.registry.endpoint import Endpoint

        http = self._connections()
        with self._lock:
            if domain not in self._endpoints:
                self._endpoints[domain] = Endpoint(http, domain, Auth(http, domain, self._sources))
            return self._endpoints[domain]

    def _connections(self) -> Http:
        from bake.registry.http import Http

        with self._lock:
            if self._http is None:
                self._http = Http(self.hosts, self._patience, self._notice, sum(self._limits.values()))
            return self._http


def _path_in(domain: str, repository: str) -> str:
    """The path of a repository of `domain`; "" for one of another registry. A bare path is taken as it is."""
    first, _, rest = repository.partition("/")
    if first == domain:
        return rest
    elsewhere = rest and ("." in first or ":" in first or first == "localhost")
    return "" if elsewhere else repository
