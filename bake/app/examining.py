"""`bake doctor`: what this host can do, what is missing for the rest, and how to get it."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

from bake.app.logins import Logins, logins
from bake.app.options import Options
from bake.app.session import Session
from bake.app.trial import Settings as TrialSettings
from bake.app.trial import Trial, told
from bake.engine.embedded.launch import Tier, find_tier
from bake.errors import BakeError
from bake.settings import HELP, field_of

Status = Literal["ok", "warning", "missing"]
_LOW = 2_000_000_000
"""Bytes that a build of a usual image may well need."""
_TRIAL_SECONDS = 90.0
_OPTIONAL = (
    ("import", ("ruamel.yaml",), "bake import of YAML"),
    ("watch", ("watchfiles",), "bake watch"),
    ("buildkit", ("grpclib", "google.protobuf"), "--engine buildkit"),
)
"""(extra, modules, what needs it)."""
_TIERS: Mapping[str, tuple[str, Status]] = {
    "root": ("root of this host", "ok"),
    "subordinate": ("a range of subordinate ids, as root of a user namespace", "ok"),
    "single": ("one user id only: all files of an image belong to root", "warning"),
    "none": ("none", "missing"),
}


@dataclass(frozen=True)
class Value:
    """A setting and where it comes from: `default`, a file, a `BAKE_…` variable."""

    name: str
    value: str
    origin: str
    help: str


@dataclass(frozen=True)
class Check:
    """`found` says how it is, `advice` what to do about it, `details` what else is worth knowing."""

    name: str
    status: Status
    found: str
    advice: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Examination:
    """All there is to say. `logins` are names and places, never secrets."""

    values: tuple[Value, ...]
    checks: tuple[Check, ...]
    logins: tuple[Logins, ...]

    @property
    def can_run(self) -> bool:
        """Whether a build with RUN steps is possible."""
        return all(check.status != "missing" for check in self.checks)


async def examine(options: Options) -> Examination:
    """Tries all that a build needs. Raises InputError when the settings are wrong."""
    with Session(options) as session:
        settings, origins = session.settings, session.origins
        values = tuple(
            Value(name, _shown(getattr(settings, field_of(name))), origins[name], help) for name, help in HELP.items()
        )
        tier = await find_tier()
        checks = [_python(), _tier(tier), *await _trials(session, tier), _load(session), *_programs(), *_extras()]
        return Examination(values, tuple(checks), logins(session.environment))


def _shown(value: object) -> str:
    data = msgspec.to_builtins(value)
    return data if isinstance(data, str) else msgspec.json.encode(data).decode()


def _python() -> Check:
    return Check("python", "ok", f"{platform.python_version()} at {sys.executable}")


def _tier(tier: Tier) -> Check:
    found, status = _TIERS[tier.name]
    return Check("namespaces", status, found, tier.advice if tier.name != "root" else "")


async def _trials(session: Session, tier: Tier) -> Sequence[Check]:
    try:
        store = session.store
        with_space = _space(store.root)
        if tier.name == "none":
            return [_store(store.root), with_space]
        place = store.layers.scratch()
    except BakeError as error:
        found, advice = told(error)
        return [Check("store", "missing", found, advice or "set BAKE_STORE to a directory that you may write")]
    try:
        trial = await _tried(tier, TrialSettings(str(place), tier.name, session.settings.sandbox))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return [_sandbox(trial), _platforms(trial), _overlay(trial, store.root), _store(store.root), with_space]


async def _tried(tier: Tier, settings: TrialSettings) -> Trial:
    """The trial in a process of its own, in the namespaces of `tier`."""
    import anyio

    # -P: a directory named `bake` where the user stands must not be imported.
    argv = [*tier.unshare, sys.executable, "-P", "-m", "bake.app.trial", msgspec.json.encode(settings).decode()]
    try:
        with anyio.fail_after(_TRIAL_SECONDS):
            done = await anyio.run_process(argv, check=False)
        return msgspec.json.decode(done.stdout, type=Trial)
    except TimeoutError:
        return Trial(refusal="trying the sandboxes takes too long", overlay="not tried")
    except (OSError, msgspec.MsgspecError):
        return Trial(refusal="the trial process does not work", overlay="not tried")


def _sandbox(trial: Trial) -> Check:
    lacks = next((row.lacks for row in trial.sandboxes if row.name == trial.chosen and not row.refusal), ())
    others = tuple(f"{row.name}: {row.refusal or 'works'}" for row in trial.sandboxes if row.name != trial.chosen)
    if not trial.chosen:
        return Check("sandbox", "missing", trial.refusal, trial.hint, others)
    return Check("sandbox", "ok", trial.chosen, details=(*lacks, *dict.fromkeys(others)))


def _platforms(trial: Trial) -> Check:
    """Those whose RUN steps can be run; the others can be built as long as nothing is run in them."""
    return Check("platforms", "ok", ", ".join(trial.platforms) or "none", trial.platforms_hint)


def _overlay(trial: Trial, store: Path) -> Check:
    if trial.overlay:
        return Check("overlay", "missing", trial.overlay, trial.overlay_hint)
    return Check("overlay", "ok", f"overlayfs works in {store}")


def _store(store: Path) -> Check:
    return Check("store", "ok", str(store))


def _space(store: Path) -> Check:
    usage = shutil.disk_usage(store)
    found = f"{usage.free / 1e9:.1f} GB of {usage.total / 1e9:.1f} GB are free"
    low = usage.free < _LOW
    return Check("disk", "warning" if low else "ok", found, "bake cache du shows what the store takes" if low else "")


def _load(session: Session) -> Check:
    """Where `--load` would put images."""
    from bake.app.loads import engine_of

    try:
        engine = engine_of(session)
    except BakeError as error:
        found, advice = told(error)
        return Check("load", "warning", found, advice)
    if engine == "podman" and shutil.which("skopeo") is None:
        return Check("load", "warning", "into podman's storage, which needs skopeo", "install the package skopeo")
    return Check("load", "ok", "into the Docker Engine" if engine == "docker" else "into podman's storage, by skopeo")


def _programs() -> Iterator[Check]:
    git = shutil.which("git")
    if git is None:
        yield Check("git", "warning", "not installed; ${git.…} has no values", "install the package git")
    else:
        yield Check("git", "ok", git)


def _extras() -> Iterator[Check]:
    for extra, modules, purpose in _OPTIONAL:
        lacking = [name for name in modules if not _installed(name)]
        if lacking:
            advice = f"pip install 'bake[{extra}]'"
            yield Check(f"extra {extra}", "warning", f"{purpose} needs {' and '.join(lacking)}", advice)
        else:
            yield Check(f"extra {extra}", "ok", f"{purpose} has what it needs")


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
