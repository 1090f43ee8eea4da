"""From resolved targets to a plan with all its facts: compile, answer what it needs, compile again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from bake.app.git_logins import git_logins
from bake.app.pinning import pins_of
from bake.app.session import Session
from bake.errors import Diagnostic, InputError
from bake.gather.answers import Answers
from bake.oci.model import ImageConfig
from bake.plan.compile import Siblings
from bake.plan.epoch import NAME
from bake.plan.facts import Facts, Needs
from bake.plan.outcome import Plan
from bake.plan.step import StepId
from bake.spec.target import Target

Configs = Callable[[Mapping[StepId, Plan], Facts], Awaitable[Mapping[StepId, ImageConfig]]]
"""From the step of each front end, with the plan of just that, to the config of the image that it makes."""

_MOST_ROUNDS = 20


@dataclass(frozen=True)
class Planned:
    """A plan, and the facts that its keys are made from."""

    plan: Plan
    facts: Facts


async def make_plan(
    session: Session, targets: Mapping[str, Target], siblings: Siblings, warn: Callable[[Diagnostic], None],
    configs: Configs | None = None,
) -> Planned:  # fmt: skip
    """`configs`: finds what front ends say of their images; None where none can be run, which is an InputError.

    Raises InputError or RemoteError; what `configs` raises.
    """
    from bake.app.fetching import RegistryImages

    images, login = lambda: RegistryImages(session.registry), git_logins(session, siblings)
    answers = Answers(session.store, images, warn, pins_of(session), login)
    facts = Facts(frontends=None if configs is None else {})
    requested, options, args = list(targets.values()), session.options, _environment_args(session)
    for _ in range(_MOST_ROUNDS):
        result = session.compile(requested, siblings, facts, no_cache=options.no_cache, pull=options.pull, args=args)
        needs = result if isinstance(result, Needs) else result.needs
        if needs:
            facts = await answers.answer(needs, facts)
        if needs.frontends and configs is not None:
            facts = replace(facts, frontends={**(facts.frontends or {}), **await configs(needs.frontends, facts)})
        if isinstance(result, Plan):
            _check_order(result)
            return Planned(result, facts)
    raise AssertionError("compiling asks without end")


def _environment_args(session: Session) -> dict[str, str]:
    """As the peer does: SOURCE_DATE_EPOCH of the environment is a build argument of every target that lacks it."""
    value = session.environment.get(NAME)
    return {NAME: value} if value else {}


def order_edges(plan: Plan) -> dict[StepId, frozenset[StepId]]:
    """`after = […]` as edges: steps that only one target uses wait for the final steps of those it comes after."""
    finals: dict[str, set[StepId]] = {}
    for image in plan.images:
        finals.setdefault(image.target, set()).add(image.state)
    edges: dict[StepId, frozenset[StepId]] = {}
    for step, origins in plan.origins.items():
        names = {origin.target for origin in origins}
        if len(names) == 1:
            before = {f for name in plan.targets[names.pop()].after for f in finals.get(name, ())}
            if before:
                edges[step] = frozenset(before)
    return edges


def _check_order(plan: Plan) -> None:
    """`after` may not contradict what targets build on. Raises InputError that shows the circle."""
    if not any(target.after for target in plan.targets.values()):
        return
    from graphlib import CycleError, TopologicalSorter

    needs = {name: {*target.after, *plan.edges.get(name, ())} for name, target in plan.targets.items()}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        message = f"targets wait for each other in a circle: {' → '.join(circle)}"
        raise InputError(Diagnostic("target-cycle", message, plan.targets[circle[0]].span("after"))) from None
