"""The functions that definitions call: name → Python function over values (reference/buildx-bake.md §3.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bake.importing.hcl.functions.collections import COLLECTIONS
from bake.importing.hcl.functions.networks import NETWORKS
from bake.importing.hcl.functions.numbers import NUMBERS
from bake.importing.hcl.functions.patterns import PATTERNS
from bake.importing.hcl.functions.texts import TEXTS
from bake.importing.hcl.functions.times import TIMES

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **TEXTS, **PATTERNS, **COLLECTIONS, **NUMBERS, **TIMES, **NETWORKS,
}  # fmt: skip
"""Each raises Mismatch for what it cannot take."""

CHANGING = frozenset({"timestamp", "uuidv4", "bcrypt", "homedir", "rsadecrypt"})
"""Functions whose result is another one each time or on each machine, or secret: what calls them is left out."""
