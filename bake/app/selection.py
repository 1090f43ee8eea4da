"""`TARGET[:STAGE[.N]]`: which steps a user means."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, replace

from bake.errors import InputError
from bake.events import StepReport


@dataclass(frozen=True)
class Address:
    """`stage` None means all stages, `ordinal` 0 all of their steps.

    A stage's name may end in a dot and a number itself, so `stage` is the text as written, to be read either way.
    """

    target: str
    stage: str | None = None

    def names(self, step: StepReport) -> bool:
        """Whether `step` is one of those meant."""
        if self.target not in step.targets:
            return False
        return self.stage in (None, step.stage, f"{step.stage}.{step.ordinal}")

    def __str__(self) -> str:
        return self.target if self.stage is None else f"{self.target}:{self.stage}"


def addresses_of(text: str, known: Container[str], expand: Callable[[str], Iterable[str]]) -> tuple[Address, ...]:
    """What `text` means: names of targets may hold colons themselves (`services/api:app`), so all of it comes first.

    `known` are names of targets; `expand` gives the targets of any other name, and raises InputError for none.

    >>> addresses_of("api:app:build.2", {"api:app"}, tuple)
    (Address(target='api:app', stage='build.2'),)
    """
    target, colon, stage = text.rpartition(":")
    readings = [Address(text), *([Address(target, stage)] if colon else [])]
    for reading in readings:
        if reading.target in known:
            return (reading,)
    wrong: InputError | None = None
    for reading in readings:
        try:
            return tuple(replace(reading, target=name) for name in expand(reading.target))
        except InputError as error:
            wrong = wrong or error
    assert wrong is not None
    raise wrong
