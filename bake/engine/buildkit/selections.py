"""What a builder is sent of this host's files, chosen once however many images are built of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bake.engine.buildkit.sent import Placed, Sent, send_copies, send_subtree, source_identity
from bake.plan.step import CopyAction, Step, StepId
from bake.ports.task import Input


@dataclass
class Selections:
    """Of one run, in which a source always holds the same."""

    _copies: dict[tuple[StepId, tuple[CopyAction, ...]], tuple[Sent, list[list[Placed]]]] = field(default_factory=dict)
    _subtrees: dict[tuple[StepId, str], tuple[Sent, str]] = field(default_factory=dict)

    def copies(self, source: Step, given: Input, actions: Iterable[CopyAction]) -> tuple[Sent, list[list[Placed]]]:
        """As `send_copies`; `given` is what `source` holds."""
        key = source.id, tuple(actions)
        if key not in self._copies:
            self._copies[key] = send_copies(given, key[1], source_identity(source))
        return self._copies[key]

    def subtree(self, source: Step, given: Input, path: str) -> tuple[Sent, str]:
        """As `send_subtree`."""
        key = source.id, path
        if key not in self._subtrees:
            self._subtrees[key] = send_subtree(given, path, source_identity(source))
        return self._subtrees[key]
