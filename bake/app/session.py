"""What one run of a command has open: settings, store, registry client, engine. Each is opened when first asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bake.app.options import Options
from bake.errors import Diagnostic, InputError, Source
from bake.oci.platform import Platform, parse_platform
from bake.settings import Settings, read_settings, settings_path
from bake.store import DiskStore, open_store

if TYPE_CHECKING:
    from bake.app.fetching import Fetcher
    from bake.app.secrets import Secrets
    from bake.engine.buildkit.choice import Candidate
    from bake.engine.embedded.client import EmbeddedEngine
    from bake.plan.compile import Siblings
    from bake.plan.facts import Facts, Needs
    from bake.plan.outcome import Plan
    from bake.registry.client import Registry
    from bake.spec.target import Target


class Session:
    """Used as a context manager; leaving it closes what was opened."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.environment: Mapping[str, str] = options.environment or os.environ
        self.insecure: set[str] = set()
        """Registries that an output or a cache calls insecure, besides those of the settings."""
        self.notice: Callable[[str], None] = lambda _line: None

    @cached_property
    def _settings(self) -> tuple[Settings, dict[str, str]]:
        path = Path(settings_path(self.environment))
        source = Source(str(path), path.read_text()) if path.is_file() else None
        return read_settings(source, self.environment, os.cpu_count() or 2)

    @property
    def settings(self) -> Settings:
        return self._settings[0]

    @property
    def origins(self) -> dict[str, str]:
        """Setting → where its value comes from: `default`, the file's name, `BAKE_…`."""
        return self._settings[1]

    @cached_property
    def store(self) -> DiskStore:
        return open_store(Path(self.settings.store))

    @cached_property
    def registry(self) -> Registry:
        from bake.registry.client import Registry
        from bake.registry.credentials import default_sources
        from bake.registry.hosts import HostSettings, default_hosts

        rows = {
            host: HostSettings(row.insecure, (Path(row.ca),) if row.ca else (), mirrors=row.mirrors)
            for host, row in self.settings.registries.items()
        }
        for host in self.insecure:
            rows[host] = replace(rows.get(host, HostSettings()), insecure=True)
        return Registry(
            default_hosts(rows, self.environment),
            default_sources(self.environment),
            notice=lambda line: self.notice(line),
        )

    @cached_property
    def fetcher(self) -> Fetcher:
        from bake.app.fetching import Fetcher

        return Fetcher(self.store, lambda: self.registry)

    def downloaded(self, digest: str) -> Path:
        """The file of a blob that the facts of a plan name; gathering them has downloaded it."""
        path = self.store.blobs.path(digest)
        assert path is not None, "gather has downloaded it"
        return path

    @cached_property
    def secrets(self) -> Secrets:
        from bake.app.secrets import Secrets

        return Secrets(self.environment)

    @property
    def engine_name(self) -> str:
        """What runs the steps; builders alone mean BuildKit. Raises InputError for what is no engine."""
        name = self.options.engine or ("buildkit" if self.options.builders else self.settings.engine)
        if name not in ("embedded", "buildkit"):
            hint = "use embedded or buildkit"
            raise InputError(Diagnostic("no-engine", f"there is no engine '{name}'", hint=hint))
        return name

    @property
    def on_buildkit(self) -> bool:
        return self.engine_name == "buildkit"

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The builders of this run as far as they are known by now; none when this host builds. Raises InputError."""
        if not self.on_buildkit:
            return ()
        from bake.app.candidates import candidates

        return candidates(self.options, self.settings, self.environment, self.store.files)

    @property
    def builders(self) -> tuple[str, ...]:
        """Addresses of the builders of this run; none when this host builds. Raises InputError."""
        return tuple(row.addr for row in self.candidates)

    @cached_property
    def engine(self) -> EmbeddedEngine:
        """What works on states of the store; it starts nothing before it is needed."""
        assert self.engine_name
        from bake.engine.embedded.client import EmbeddedEngine

        return EmbeddedEngine(self.store, self.fetcher, sandbox=self.settings.sandbox)

    @cached_property
    def platform(self) -> Platform:
        """The platform that builds run on: this host's, or the first builder's as far as it is known."""
        known = next((row.platforms[0] for row in self.candidates if row.platforms), "")
        return parse_platform(known or f"linux/{os.uname().machine}")

    @cached_property
    def _native(self) -> frozenset[Platform]:
        """Platforms that some builder, as far as it is known, runs by itself; none with the embedded engine."""
        return frozenset(parse_platform(row.platforms[0]) for row in self.candidates if row.platforms)

    def compile(
        self, targets: Sequence[Target], siblings: Siblings, facts: Facts, *, no_cache: bool = False,
        pull: bool = False, args: Mapping[str, str] | None = None,
    ) -> Plan | Needs:  # fmt: skip
        """The plan of targets for the machines of this run: see `compile_plan`."""
        from bake.plan.compile import compile_plan

        return compile_plan(
            targets, siblings, facts, self.platform, no_cache=no_cache, pull=pull, args=args, native=self._native
        )

    @property
    def jobs(self) -> int:
        return self.options.jobs or self.settings.jobs

    @property
    def memory(self) -> int:
        """Bytes of this host."""
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    def close(self) -> None:
        """Closes the store, the registry's connections and agents with keys; the engine is closed by who used it."""
        opened = self.__dict__
        if "registry" in opened:
            self.registry.close()
        if "secrets" in opened:
            self.secrets.close()
        if "store" in opened:
            self.store.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
