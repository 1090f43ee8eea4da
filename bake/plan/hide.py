"""A plan without the values of sensitive variables in what is shown of it and told of it in images.

The operations keep them, since a RUN must see its build arguments; lines of history, which quote them, do not.
"""

from __future__ import annotations

from dataclasses import replace

from bake.oci.model import History
from bake.plan.outcome import HistoryLine, Image, Plan
from bake.spec.redact import redact


def hidden(plan: Plan) -> Plan:
    """The plan as it is when no target has a sensitive value."""
    secrets = frozenset(value for target in plan.targets.values() for value in target.sensitive)
    if not secrets:
        return plan
    origins = {
        step: tuple(replace(origin, instruction=redact(origin.instruction, secrets)) for origin in found)
        for step, found in plan.origins.items()
    }
    return replace(plan, origins=origins, images=tuple(_image(image, secrets) for image in plan.images))


def _image(image: Image, secrets: frozenset[str]) -> Image:
    def line(entry: History | HistoryLine) -> History | HistoryLine:
        if isinstance(entry, History):  # of a base image: as its maker published it
            return entry
        return replace(entry, created_by=redact(entry.created_by, secrets))

    return replace(image, history=tuple(map(line, image.history)))
