"""`test = [[…]]` of a target: commands that run in its finished image, as steps of the graph like any other.

So a test is cached as long as image and command are the same, runs beside other steps, and gates what is published.
"""

from __future__ import annotations

from bake.oci.platform import Platform
from bake.plan.graph import Graph
from bake.plan.lower.stage import Lowered, env_of
from bake.plan.origin import Origin
from bake.plan.step import ExecOp, StepId
from bake.spec.target import Target

STAGE = "test"


def add_tests(graph: Graph, target: Target, platform: Platform, lowered: Lowered) -> tuple[StepId, ...]:
    """The steps of a target's tests on its final state."""
    return tuple(_add(graph, target, platform, lowered, number) for number in range(len(target.test)))


def _add(graph: Graph, target: Target, platform: Platform, lowered: Lowered, number: int) -> StepId:
    run = lowered.config.config
    words = target.test[number]
    op = ExecOp(
        args=words,
        env=tuple(env_of(run).items()),
        cwd=run.working_dir or "/",
        user=run.user,
        network="none" if target.network == "none" else "host" if target.network == "host" else "default",
        hosts=tuple(sorted(target.extra_hosts)),
        ulimits=target.ulimits,
    )
    step = graph.add(op, (lowered.step,), str(platform))
    span = target.span(f"test[{number}]")
    graph.stands_for(step, Origin(target.name, str(platform), STAGE, number + 1, f"TEST {' '.join(words)}"[:400], span))
    return step
