"""What a build on builders would do, told from our own records alone: nobody is asked."""

from __future__ import annotations

from bake.engine.buildkit.decide import Decider
from bake.errors import StepError
from bake.plan.outcome import Plan
from bake.ports.store import Store
from bake.solve.contents import Contents
from bake.solve.journal import Journal
from bake.solve.results import Solution, missing_source
from bake.solve.slots import Slots
from bake.solve.tasks import Tasks


def predict(plan: Plan, store: Store, contents: Contents, tasks: Tasks, root: str) -> Solution:
    """Each layer step as `cached` or `run`; a step whose sources are missing as an error."""
    slots = Slots(plan, root, store.records)
    decider = Decider(plan, store, contents, slots, tuple(tasks.sensitive))
    found = decider.decide()
    journal, errors = Journal(plan, lambda _event: None), list[StepError]()
    for id, step in plan.steps.items():
        if id in found.missing:
            errors.append(missing_source(id, plan, found.missing[id]))
        elif id in found.keys:
            journal.ended(step, "run" if id in found.misses else "cached", decider.why(id))
    return Solution({}, journal.reports, tuple(errors))
