"""A file that is no TOML is told once: what it might have declared is not missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bake.errors import Diagnostic, InputError, Source
from bake.spec.request import Request
from bake.spec.resolve import check, resolve
from bake.spec.workspace import FileGlob, Spec, load

Refused = Callable[..., tuple[Diagnostic, ...]]


@pytest.mark.parametrize(
    ("names", "request_"),
    [
        (("nope",), {}),
        (("nope*",), {}),
        (("app[x=1]",), {}),
        ((), {"variables": {"X": "1"}}),
        ((), {"profiles": ("release",)}),
        ((), {"overrides": ("app.tags=x/y",)}),
    ],
)
def test_what_the_command_line_names(refused: Refused, names: tuple[str, ...], request_: dict[str, Any]) -> None:
    assert [each.code for each in refused("[target.app\n", *names, **request_)] == ["toml-syntax"]
    codes = [each.code for each in refused("[target.other]\ntag = []", *names, **request_)]
    assert codes[0] == "unknown-key" and len(codes) == 2, "of a file that is TOML both are told"


def workspace() -> Spec:
    root = 'include = ["sub/bake.toml"]\n[target.a]\ninherits = ["sub:b"]\ntag = []\n[target."sub:b"]\ntags = []'
    texts = {"/w/bake.toml": Source("bake.toml", root), "/w/sub/bake.toml": Source("sub/bake.toml", "[target.b")}
    spec = load("/w/bake.toml", texts, {FileGlob("/w", "sub/bake.toml"): ["/w/sub/bake.toml"]})
    assert isinstance(spec, Spec)
    return spec


def test_what_other_files_name() -> None:
    with pytest.raises(InputError) as caught:
        resolve(workspace(), Request(("a", "sub:b")))
    assert [each.code for each in caught.value.diagnostics] == ["unknown-key", "toml-syntax"]
    assert [each.code for each in check(workspace())] == ["unknown-key", "toml-syntax"]
