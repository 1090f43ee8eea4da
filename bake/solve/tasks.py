"""From a step and the results of its inputs to a task that a worker can run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from bake.plan.facts import Facts
from bake.plan.outcome import Plan
from bake.plan.step import ExecOp, FrontendOp, GitOp, HttpOp, LocalOp, SecretMount, SshMount, Step, StepId, WriteOp
from bake.plan.tree import StateId
from bake.ports.task import BlobInput, FilesInput, Input, StateInput, Task, TreeInput
from bake.solve.capacity import Amount, demand
from bake.spec.target import Target

Secret = Callable[[Target, str], bytes | None]
"""The value of a target's secret by id; None where it has none."""


class Tasks:
    """Makes tasks of one run. `blob` finds a downloaded URL's bytes."""

    def __init__(self, plan: Plan, facts: Facts, blob: Callable[[str], Path], secret: Secret, ssh: Secret) -> None:
        self._plan = plan
        self._facts = facts
        self._blob = blob
        self._secret = secret
        self._ssh = ssh
        self.sensitive: Sequence[str] = tuple(
            sorted({value for target in plan.targets.values() for value in target.sensitive}, key=len, reverse=True)
        )

    def task(self, step: Step, states: Mapping[StepId, StateId]) -> Task:
        """Raises InputError when a secret can't be read."""
        targets = self._targets(step)
        timeout = self.timeout(step)
        secrets, ssh = self._secrets(step, targets), self._agents(step, targets)
        return Task(step, tuple(self.input(i, states) for i in step.inputs), secrets, ssh, timeout)

    def timeout(self, step: Step) -> float:
        """Seconds that a step may take, the most that a target it belongs to allows; 0 = for ever."""
        return max((target.timeout for target in self._targets(step)), default=0.0)

    def retries(self, step: Step) -> int:
        """How often a RUN is tried again: the most that a target it belongs to allows."""
        return max((t.retries for t in self._targets(step)), default=0) if isinstance(step.op, ExecOp) else 0

    def demand(self, step: Step) -> Amount:
        """How much of what may be in use at once it takes (`weight`, `resources`)."""
        return demand(step, self._targets(step))

    def _targets(self, step: Step) -> list[Target]:
        names = dict.fromkeys(origin.target for origin in self._plan.origins.get(step.id, ()))
        return [self._plan.targets[name] for name in names]

    def _secrets(self, step: Step, targets: Sequence[Target]) -> dict[str, bytes]:
        asked = step.op.secrets if isinstance(step.op, FrontendOp) else _ids(step, SecretMount)
        return _found(asked, targets, self._secret)

    def _agents(self, step: Step, targets: Sequence[Target]) -> dict[str, str]:
        asked = step.op.ssh if isinstance(step.op, FrontendOp) else _ids(step, SshMount)
        return {id: value.decode() for id, value in _found(asked, targets, self._ssh).items()}

    def input(self, step: StepId, states: Mapping[StepId, StateId]) -> Input:
        """What a step is to one that builds on it."""
        match self._plan.steps[step].op:
            case LocalOp() as op:
                return TreeInput(op.root, self._facts.trees[op])
            case GitOp() as op:
                return TreeInput(self._facts.gits[op].directory, self._facts.gits[op].tree)
            case WriteOp() as op:
                return FilesInput(op.files)
            case HttpOp() as op:
                fact = self._facts.urls[op]
                return BlobInput(self._blob(fact.digest), op.name, fact.mtime)
        return StateInput(states[step])


def _ids(step: Step, kind: type[SecretMount | SshMount]) -> list[str]:
    """Of the mounts of a command."""
    return [mount.id for mount in step.op.mounts if isinstance(mount, kind)] if isinstance(step.op, ExecOp) else []


def _found(ids: Iterable[str], targets: Sequence[Target], value: Secret) -> dict[str, bytes]:
    """The values that the first of the targets to have them gives."""
    found = ((id, next((v for t in targets if (v := value(t, id)) is not None), None)) for id in dict.fromkeys(ids))
    return {id: value for id, value in found if value is not None}
