"""What the tests of bake.toml share: a text, resolved or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bake.errors import Diagnostic, InputError
from bake.spec.request import Request
from bake.spec.resolve import Resolved, resolve
from bake.spec.target import Target
from bake.spec.workspace import spec_of


@pytest.fixture
def baked() -> Callable[..., Resolved]:
    """`baked(text, *names, **request)`"""

    def run(text: str, *names: str, **request: Any) -> Resolved:
        return resolve(spec_of(text, directory="/work"), Request(names, **request))

    return run


@pytest.fixture
def target(baked: Callable[..., Resolved]) -> Callable[..., Target]:
    """`target(text, name="t", **request)`: one resolved target."""

    def run(text: str, name: str = "t", **request: Any) -> Target:
        return baked(text, name, **request).targets[name]

    return run


@pytest.fixture
def refused(baked: Callable[..., Resolved]) -> Callable[..., tuple[Diagnostic, ...]]:
    """`refused(text, *names, **request)`: the diagnostics."""

    def run(text: str, *names: str, **request: Any) -> tuple[Diagnostic, ...]:
        with pytest.raises(InputError) as caught:
            baked(text, *names, **request)
        return caught.value.diagnostics

    return run
