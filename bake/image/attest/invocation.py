"""How an image was asked for and what it was made from.

Nothing in it differs between two builds of the same sources: no times, no random ids, no paths of the machine. Values
of sensitive variables and secrets are not in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from posixpath import relpath

from bake.image.attest.statement import purl
from bake.image.attest.values import Dependency, Invocation, StepNote
from bake.oci.digest import hex_of
from bake.oci.platform import parse_platform
from bake.oci.reference import parse_reference
from bake.plan.facts import Facts, join
from bake.plan.glob import has_wildcard
from bake.plan.key import reads
from bake.plan.outcome import Image, Plan
from bake.plan.select import digest_roots, select
from bake.plan.step import GitOp, HttpOp, ImageOp, LocalOp, Step, StepId
from bake.spec.redact import redact
from bake.spec.target import Target


def invocation_of(plan: Plan, facts: Facts, image: Image, source: str = "", engine: str = "embedded") -> Invocation:
    """The invocation that made `image`."""
    target = plan.targets[image.target]
    steps = list(_reached(plan, image.state))
    path, text = _dockerfile(target, facts)
    secrets = target.sensitive
    notes = tuple(_note(plan, step, secrets) for step in steps)
    return Invocation(
        target.name,
        str(image.platform),
        target.target or "",
        path,
        sha256(text.encode()).hexdigest(),
        redact(dict(target.args), secrets),
        redact(dict(target.labels), secrets),
        redact({name: _public(text) for name, text in _contexts(target)}, secrets),
        tuple(sorted(str(row["id"]) for row in target.secret)),
        tuple(sorted(str(row["id"]) for row in target.ssh)),
        tuple(_dependencies(target, steps, facts)),
        notes,
        source,
        engine,
    )


def _contexts(target: Target) -> Iterator[tuple[str, str]]:
    yield "context", target.context
    yield from target.contexts.items()


def _reached(plan: Plan, final: StepId) -> Iterator[Step]:
    """The steps that the image is made of, in the order of the plan."""
    wanted, todo = {final}, [final]
    while todo:
        for each in plan.steps[todo.pop()].inputs:
            if each not in wanted:
                wanted.add(each)
                todo.append(each)
    return (step for id, step in plan.steps.items() if id in wanted)


def _dockerfile(target: Target, facts: Facts) -> tuple[str, str]:
    if target.dockerfile_inline is not None:
        return "", target.dockerfile_inline
    path = join(join(target.root, target.context), target.dockerfile)
    return relpath(path, target.root), facts.texts.get(path) or ""


def _note(plan: Plan, step: Step, secrets: frozenset[str]) -> StepNote:
    origin = next(iter(plan.origins.get(step.id, ())), None)
    kind = str(step.op.__struct_config__.tag)
    return StepNote(step.id, kind, redact(origin.instruction, secrets) if origin else "", step.inputs)


def _dependencies(target: Target, steps: list[Step], facts: Facts) -> Iterator[Dependency]:
    for step in steps:
        match step.op:
            case ImageOp() as op:
                reference = purl(parse_reference(op.reference), parse_platform(step.platform))
                yield Dependency({"sha256": hex_of(op.manifest)}, reference)
            case HttpOp() as op:
                yield Dependency({"sha256": hex_of(facts.urls[op].digest)}, redact(_public(op.url), target.sensitive))
            case GitOp() as op:
                uri = _public(f"{op.url}#{op.ref}" if op.ref else op.url)
                yield Dependency({"sha1": facts.gits[op].commit}, redact(uri, target.sensitive))
            case LocalOp() as op:
                digest = _read_of(step.id, op, steps, facts)
                yield Dependency({"bakeTree": digest}, name=f"context:{relpath(op.root, target.root)}")


def _read_of(context: StepId, op: LocalOp, steps: list[Step], facts: Facts) -> str:
    """The digest of what these steps read from a context, by content and in the order they read it."""
    tree = facts.trees.get(op, {})
    found = sha256()
    for step in steps:
        for _, action in reads(step):
            if step.inputs[action.input] == context:
                roots = select(tree, action)
                found.update(digest_roots(roots, has_wildcard(action.source)).encode())
    return found.hexdigest()


def _public(url: str) -> str:
    """Without the user and password that a URL may hold."""
    return re.sub(r"^([a-z][a-z0-9+.-]*://)[^/@]*@", r"\1", url)
