"""The user's settings: the settings file, then `BAKE_*` variables, then flags (SPEC §2).

Each setting is a field declared once; `HELP` says what it is for, for `bake doctor` and the docs. Pure: text and
environment come from the caller.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import PurePath

import msgspec

from bake.errors import Diagnostic, InputError, Source, nearest


class Builder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One BuildKit: its address, what it builds, how much at once.

    `memory` (as 64GB) and `cpus`: what the `resources` of its images may add up to; "" and 0: any number.
    """

    addr: str
    platforms: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    slots: int = 8
    memory: str = ""
    cpus: float = 0.0


class Registry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to reach one registry; `ca` is a file, `mirrors` are hosts tried first for pulls."""

    insecure: bool = False
    ca: str = ""
    mirrors: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings. `store` "" stands for the cache directory, `jobs` 0 for a number that fits the processors."""

    store: str = ""
    store_max_size: str = "50GB"
    store_max_age: str = "90d"
    jobs: int = 0
    engine: str = "embedded"
    sandbox: str = ""
    builders: tuple[Builder, ...] = ()
    registries: dict[str, Registry] = {}
    load: str = ""


HELP: Mapping[str, str] = {
    "store": "directory of the shared layer cache",
    "store.max-size": "what the store may hold at the end of a run, as 50GB; 0: no limit",
    "store.max-age": "how long unused things stay in it, as 90d, 12h; 0: no limit",
    "jobs": "steps that run at once",
    "engine": "embedded or buildkit",
    "sandbox": "crun, runc or bubblewrap; empty: found by a probe",
    "builders": "BuildKit builders: addr, platforms, labels, slots, memory, cpus",
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
    for name in ("store", "store.max-size", "store.max-age", "jobs", "engine", "sandbox", "load"):
        variable = f"BAKE_{field_of(name).upper()}"
        if text := environment.get(variable):
            values[name] = int(text) if name == "jobs" and text.isdecimal() else text
            origins[name] = variable
    settings = _converted(values, source.name if source else "BAKE_* variables")
    default_store = str(_home(environment, "XDG_CACHE_HOME", ".cache") / "bake")
    return msgspec.structs.replace(
        settings, store=settings.store or default_store, jobs=settings.jobs or max(2, cpus)
    ), origins


def field_of(name: str) -> str:
    """The field of `Settings` that a name of `HELP` stands for."""
    return name.replace(".", "_").replace("-", "_")


def size_of(text: str) -> int:
    """Bytes of `50GB`, `1.5 GiB`, `1000`. Raises ValueError."""
    number, unit = _amount(text)
    return int(number * _SIZES[unit])


def age_of(text: str) -> float:
    """Seconds of `90d`, `12h`, `30m`, `45s`, `2w`. Raises ValueError."""
    number, unit = _amount(text)
    if not unit and number:
        raise ValueError(text)
    return number * _AGES[unit]


_SIZES: Mapping[str, int] = {"": 1, "b": 1} | {
    f"{letter}{end}": base**power
    for power, letter in enumerate("kmgt", 1)
    for end, base in (("", 1000), ("b", 1000), ("ib", 1024))
}
_AGES: Mapping[str, float] = {"": 0.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def _amount(text: str) -> tuple[float, str]:
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([a-z]*)", text.strip().lower())
    if match is None or match[2] not in {**_SIZES, **_AGES}:
        raise ValueError(text)
    return float(match[1]), match[2]


def _home(environment: Mapping[str, str], variable: str, fallback: str) -> PurePath:
    return PurePath(environment.get(variable) or PurePath(environment.get("HOME") or "/root", fallback))


def _file_values(source: Source) -> dict[str, object]:
    try:
        values = tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(Diagnostic("bad-toml", f"{source.name}: {error}")) from None
    store = values.get("store")
    if isinstance(store, dict):  # [store] with its limits; its directory is `path` then
        del values["store"]
        values |= {"store" if name == "path" else f"store.{name}": value for name, value in store.items()}
    return values


def _converted(values: Mapping[str, object], where: str) -> Settings:
    unknown = [name for name in values if name not in HELP]
    if unknown:
        near = nearest(unknown[0], list(HELP))
        hint = f"did you mean '{near}'?" if near else f"settings are: {', '.join(HELP)}"
        raise InputError(Diagnostic("unknown-setting", f"unknown setting '{unknown[0]}' in {where}", hint=hint))
    try:
        settings = msgspec.convert({field_of(name): value for name, value in values.items()}, Settings)
    except msgspec.ValidationError as error:
        raise InputError(Diagnostic("bad-setting", f"{where}: {error}")) from None
    for name, read in (("store.max-size", size_of), ("store.max-age", age_of)):
        text = getattr(settings, field_of(name))
        try:
            read(text)
        except (ValueError, KeyError):
            raise InputError(Diagnostic("bad-setting", f"{where}: {name} is '{text}'; it is {HELP[name]}")) from None
    for builder in settings.builders:
        try:
            size_of(builder.memory or "0")
        except (ValueError, KeyError):
            message = f"{where}: builder {builder.addr} has memory = '{builder.memory}'; it is an amount, as 64GB"
            raise InputError(Diagnostic("bad-setting", message)) from None
    return settings
