"""What a FROM, a `--from` or a named context names: the start of a stage (reference/dockerfile.md §6, §13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from bake.errors import Diagnostic, InputError, Span
from bake.oci.model import ImageConfig, RunConfig
from bake.oci.platform import Platform
from bake.oci.reference import parse_reference
from bake.plan.facts import ImageFact
from bake.plan.git_url import is_git_context
from bake.plan.graph import Graph
from bake.plan.lower.stage import DEFAULT_PATH, Lowered, env_of
from bake.plan.outcome import LayerRef
from bake.plan.step import ImageOp, ScratchOp

LAYOUT = "oci-layout://"


@dataclass(frozen=True, slots=True)
class ContextSpec:
    """A context's value, told apart by its form: `target:x`, `docker-image://ref`, a git or web URL, a directory."""

    kind: Literal["target", "image", "layout", "git", "http", "directory", "scratch"]
    value: str


def parse_context(name: str, value: str, span: Span | None) -> ContextSpec:
    """Raises InputError for forms that this engine does not know."""
    if value.startswith("target:"):
        return ContextSpec("target", value.removeprefix("target:"))
    if value == "docker-image://scratch":
        return ContextSpec("scratch", "")
    if value.startswith("docker-image://"):
        return ContextSpec("image", value.removeprefix("docker-image://"))
    if value.startswith(LAYOUT):
        return ContextSpec("layout", value.removeprefix(LAYOUT))
    if is_git_context(value):
        return ContextSpec("git", value)
    if value.startswith(("http://", "https://")):
        return ContextSpec("http", value)
    if "://" in value:
        message = f"unsupported context source {value.partition(':')[0]} for {name}"
        hint = "a directory, target:NAME, docker-image://REFERENCE, oci-layout://PATH, a git or a web URL"
        raise InputError(Diagnostic("unsupported-context", message, span, hint))
    return ContextSpec("directory", value)


def context_name(name: str) -> str:
    """The name that named contexts are compared by: the familiar form of an image name, without `:latest`."""
    try:
        return parse_reference(name).familiar.removesuffix(":latest")
    except ValueError:
        return name


def scratch(graph: Graph, platform: Platform) -> Lowered:
    """FROM scratch (dockerfile.md §6)."""
    config = ImageConfig(
        architecture=platform.arch,
        os=platform.os,
        variant=platform.variant,
        config=RunConfig(env=(f"PATH={DEFAULT_PATH}",), working_dir="/"),
    )
    env = env_of(config.config)
    return Lowered(graph.add(ScratchOp()), platform, config, env, {}, {}, (), ())


def from_image(graph: Graph, reference: str, platform: Platform, fact: ImageFact) -> Lowered:
    """FROM an image: its config is inherited wholly, its ONBUILD triggers are to be run."""
    diff_ids = fact.config.rootfs.diff_ids
    config = fact.config
    actual = Platform(config.os or platform.os, config.architecture or platform.arch, config.variant)
    inherited = msgspec.structs.replace(
        config, created=None, history=(), rootfs=msgspec.structs.replace(config.rootfs, diff_ids=())
    )
    env = env_of(config.config)
    triggers = config.config.on_build or ()
    if not diff_ids:
        step = graph.add(ScratchOp())
        return Lowered(step, actual, inherited, env, {}, {}, (), config.history, triggers)
    step = graph.add(ImageOp(reference, fact.digest, diff_ids, fact.layers), platform=str(actual))
    layers = tuple(LayerRef(step, index) for index in range(len(diff_ids)))
    return Lowered(step, actual, inherited, env, {}, {}, layers, config.history, triggers)


def as_base(lowered: Lowered, labels: dict[str, str]) -> Lowered:
    """A sibling's finished stage as a base: what its published image would bring, so ARG values do not come along."""
    run = lowered.config.config
    if labels:
        run = msgspec.structs.replace(run, labels={**(run.labels or {}), **labels})
    config = msgspec.structs.replace(lowered.config, config=run)
    return Lowered(
        lowered.step, lowered.platform, config, dict(lowered.env), {}, {}, lowered.layers, lowered.history,
        lowered.config.config.on_build or (), opaque=lowered.opaque,
    )  # fmt: skip
