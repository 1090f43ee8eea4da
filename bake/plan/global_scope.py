"""What holds for a whole Dockerfile: ARGs above its first FROM, the arguments of platforms, what no ARG declares."""

from __future__ import annotations

from collections.abc import Mapping

from bake.dockerfile.forms import place_of, word_hint
from bake.dockerfile.instructions import Dockerfile
from bake.errors import Diagnostic, InputError, Span
from bake.oci.platform import Platform
from bake.plan.key import PROXIES
from bake.plan.step import Ambient
from bake.spec.target import Target
from bake.words import WordError, expand


def global_scope(dockerfile: Dockerfile, build_args: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The variables that a FROM may use; `given` are those that need no ARG. Raises InputError for a bad default."""
    scope = {name: build_args.get(name, value) for name, value in given.items()}
    for instruction in dockerfile.args:
        for name, default in instruction.pairs:
            value = build_args.get(name)
            if value is None and default is not None:
                value = expanded(default, scope, dockerfile.escape, instruction.span)
            if value is not None:
                scope[name] = value
    return scope


def platform_args(
    dockerfile: Dockerfile, target: Target, platform: Platform, build_platform: Platform
) -> dict[str, str]:
    """The arguments that BuildKit gives by itself, with the values they have in this build."""
    final = target.target or (dockerfile.stages[-1].name if dockerfile.stages else "")
    found = {"TARGETSTAGE": final or "default"}
    for prefix, each in (("TARGET", platform), ("BUILD", build_platform)):
        found |= {
            f"{prefix}PLATFORM": str(each),
            f"{prefix}OS": each.os,
            f"{prefix}ARCH": each.arch,
            f"{prefix}VARIANT": each.variant,
            f"{prefix}OSVERSION": "",
        }
    return found


def expanded(text: str, scope: Mapping[str, str], escape: str, span: Span) -> str:
    """The text with its variables replaced. Raises InputError, at the place of the text within `span`."""
    try:
        return expand(text, scope, escape=escape).text
    except WordError as error:
        message = f'failed to process "{text}": {error}'
        hint = word_hint(message)
        raise InputError(Diagnostic("bad-substitution", message, place_of(span, text), hint)) from None


def ambient(dockerfile: Dockerfile, target: Target) -> Ambient:
    """Proxies that no ARG declares, both cases of each; addresses of extra hosts."""
    declared = {name for stage in dockerfile.stages for i in stage.instructions for name, _ in getattr(i, "pairs", ())}
    env: dict[str, str] = {}
    for name, value in target.args.items():
        if name.upper() in PROXIES and name not in declared:
            env |= {name.upper(): value, name.lower(): value}
    return Ambient(tuple(env.items()), tuple(sorted(target.extra_hosts.items())))
