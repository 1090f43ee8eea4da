"""Compiling Dockerfile texts in memory: targets as keyword arguments, facts filled in, no disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bake.oci.model import ImageConfig
from bake.oci.platform import Platform
from bake.oci.reference import parse_reference
from bake.plan.compile import compile_plan
from bake.plan.facts import Facts, ImageFact, ImageQuery, Needs
from bake.plan.outcome import HistoryLine, Image, Plan
from bake.spec.target import Target

AMD64 = Platform("linux", "amd64")


def target(name: str, text: str, **keys: object) -> Target:
    """A target with an inline Dockerfile in /work."""
    made = Target(name, "/work", name, dockerfile_inline=text, platforms=("linux/amd64",))
    return replace(made, **keys)  # type: ignore[arg-type]


class Family:
    """`Siblings` over a fixed set of targets."""

    def __init__(self, *targets: Target) -> None:
        self.targets = {t.name: t for t in targets}
        self.tags = {str(parse_reference(tag).with_default_tag()): t.name for t in targets for tag in t.tags}

    def target(self, name: str) -> Target:
        return self.targets[name]

    def owner(self, reference: str) -> str | None:
        return self.tags.get(reference)


def image_fact(config: ImageConfig) -> ImageFact:
    """An image without layers."""
    return ImageFact("sha256:" + "0" * 64, config, ())


def compile_targets(
    *targets: Target,
    images: Mapping[str, ImageConfig] | None = None,
    texts: Mapping[str, str] | None = None,
    native: Sequence[Platform] = (),
) -> Plan:
    """The plan of all targets; fails when something is still needed to compile."""
    facts = Facts(
        texts={"/work/.dockerignore": None, **(texts or {})},
        images={
            ImageQuery(str(parse_reference(name).with_default_tag()), "linux/amd64"): image_fact(config)
            for name, config in (images or {}).items()
        },
    )
    plan = compile_plan(targets, Family(*targets), facts, AMD64, native=native)
    assert isinstance(plan, Plan), plan
    return plan


def needs_of(*targets: Target, facts: Facts | None = None) -> Needs:
    """What compiling still needs."""
    result = compile_plan(targets, Family(*targets), facts or Facts(), AMD64)
    return result if isinstance(result, Needs) else result.needs


def only_image(plan: Plan) -> Image:
    (image,) = plan.images
    return image


def history(plan: Plan) -> list[str]:
    """`created_by` of the only image."""
    return [line.created_by for line in only_image(plan).history if isinstance(line, HistoryLine)]
