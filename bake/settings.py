"""The user's settings: the settings file, then `BAKE_*` variables, then flags (SPEC §2).

Each setting is a field declared once; `HELP` says what it is for, for `bake doctor` and the docs. Pure: text and
environment come from the caller.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import PurePath

import msgspec

from bake.errors import Diagnostic, InputError, Source, nearest


class Builder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One BuildKit: its address, what it builds, how much at once."""

    addr: str
    platforms: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    slots: int = 8


class Registry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to reach one registry; `ca` is a file, `mirrors` are hosts tried first for pulls."""

    insecure: bool = False
    ca: str = ""
    mirrors: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings. `store` "" stands for the cache directory, `jobs` 0 for a number that fits the processors."""

    store: str = ""
    jobs: int = 0
    engine: str = "embedded"
    sandbox: str = ""
    builders: tuple[Builder, ...] = ()
    registries: dict[str, Registry] = {}
    load: str = ""


HELP: Mapping[str, str] = {
    "store": "directory of the shared layer cache",
    "jobs": "steps that run at once",
    "engine": "embedded or buildkit",
    "sandbox": "crun, runc or bubblewrap; empty: found by a probe",
    "builders": "BuildKit builders: addr, platforms, labels, slots",
    "registries": "by host: insecure, ca, mirrors",
    "load": "docker or podman, for --load; empty: Docker where it answers, else podman",
}


def settings_path(environment: Mapping[str, str]) -> str:
    """Where the settings file is looked for: `$XDG_CONFIG_HOME/bake/config.toml`."""
    return str(_home(environment, "XDG_CONFIG_HOME", ".config") / "bake" / "config.toml")


def read_settings(source: Source | None, environment: Mapping[str, str], cpus: int) -> tuple[Settings, dict[str, str]]:
    """(settings, where each came from: `default`, the file's name, `BAKE_…`). Raises InputError for a bad value."""
    values = _file_values(source) if source is not None else {}
    origins = {name: source.name if source is not None and name in values else "default" for name in HELP}
    for name in ("store", "jobs", "engine", "sandbox", "load"):
        variable = f"BAKE_{name.upper()}"
        if text := environment.get(variable):
            values[name] = int(text) if name == "jobs" and text.isdecimal() else text
            origins[name] = variable
    settings = _converted(values, source.name if source else "BAKE_* variables")
    default_store = str(_home(environment, "XDG_CACHE_HOME", ".cache") / "bake")
    return msgspec.structs.replace(
        settings, store=settings.store or default_store, jobs=settings.jobs or max(2, cpus)
    ), origins


def _home(environment: Mapping[str, str], variable: str, fallback: str) -> PurePath:
    return PurePath(environment.get(variable) or PurePath(environment.get("HOME") or "/root", fallback))


def _file_values(source: Source) -> dict[str, object]:
    try:
        return tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(Diagnostic("bad-toml", f"{source.name}: {error}")) from None


def _converted(values: Mapping[str, object], where: str) -> Settings:
    unknown = [name for name in values if name not in HELP]
    if unknown:
        near = nearest(unknown[0], list(HELP))
        hint = f"did you mean '{near}'?" if near else f"settings are: {', '.join(HELP)}"
        raise InputError(Diagnostic("unknown-setting", f"unknown setting '{unknown[0]}' in {where}", hint=hint))
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise InputError(Diagnostic("bad-setting", f"{where}: {error}")) from None
