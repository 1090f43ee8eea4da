"""How long a registry is given: how often a request is tried, and the pauses between."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Notice = Callable[[str], None]
"""Takes a line for people: that and why a request is tried again. Called from worker threads."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is tried and how long is waited between: `first` seconds, doubling up to `most`.

    A `Retry-After` longer than `longest` seconds is not waited for.
    """

    tries: int = 6
    first: float = 0.3
    most: float = 10.0
    longest: float = 60.0

    def pauses(self) -> Iterator[float]:
        """The pauses between tries, each shortened by chance so that many clients do not come back at once."""
        for exponent in range(self.tries - 1):
            yield min(self.most, self.first * 2**exponent) * random.uniform(0.6, 1.0)
