"""What cannot be compiled yet, or at all, is tried once a compilation, however many targets build on it."""

from __future__ import annotations

import pytest

from bake.errors import InputError
from bake.oci.platform import parse_platform
from bake.plan.compile import compile_plan
from bake.plan.facts import Facts, ImageQuery, Needs
from bake.spec.request import Request
from bake.spec.resolve import resolve
from bake.spec.workspace import spec_of

HOST = parse_platform("linux/amd64")


def compiled(base: str, length: int) -> object:
    """A chain of targets on `base`; without memory its length is an exponent of time."""
    text = f'[target.t0]\ndockerfile-inline = """\n{base}\n"""\n' + "".join(
        f'[target.t{n}]\ncontexts = {{ base = "target:t{n - 1}" }}\ndockerfile-inline = "FROM base\\nWORKDIR /{n}"\n'
        for n in range(1, length)
    )
    resolved = resolve(spec_of(text), Request(names=("all",)))
    return compile_plan([resolved.target(name) for name in resolved.requested], resolved, Facts(), HOST)


def test_what_is_not_known_yet() -> None:
    found = compiled("FROM localhost:1/far:1", 60)
    assert isinstance(found, Needs)
    assert list(found.images) == [ImageQuery("localhost:1/far:1", "linux/amd64")]


def test_what_is_wrong_is_told_once() -> None:
    with pytest.raises(InputError) as raised:
        compiled("FROM scratch\nCOPY", 60)
    assert len(raised.value.diagnostics) == 1
