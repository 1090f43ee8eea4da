"""What runtimes say, as people read it. The texts are those of runc 1.1, crun 1.8 and bubblewrap 0.8."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.sandbox.complaints import complaint

_RUNC = "runc run failed: unable to start container process: "
_NOT_ALLOWED = "permission denied (is it a file with its executable bits set?)"


@pytest.mark.parametrize(
    ("said", "program", "reads"),
    [
        (_RUNC + 'exec: "x": executable file not found in $PATH', "x", "executable file not found in $PATH"),
        (
            "executable file `x` not found in $PATH: No such file or directory",
            "x",
            "executable file not found in $PATH",
        ),
        (_RUNC + 'exec: "/x": stat /x: no such file or directory', "/x", "no such file"),
        ("executable file `/x` not found in $PATH: No such file or directory", "/x", "no such file"),
        (_RUNC + 'exec: "/x": permission denied', "/x", _NOT_ALLOWED),
        ("open executable: Operation not permitted", "/x", _NOT_ALLOWED),
        ("open executable: Permission denied", "/x", _NOT_ALLOWED),
        ("execvp x: No such file or directory", "x", "executable file not found in $PATH"),
        ("execvp /x: Permission denied", "/x", _NOT_ALLOWED),
    ],
)
def test_programs(said: str, program: str, reads: str) -> None:
    log = "\n".join(json.dumps(row) for row in ({"level": "warning", "msg": "other"}, {"level": "error", "msg": said}))
    assert complaint(log.encode(), program) == f'exec: "{program}": {reads}'


def test_others_lose_their_ceremony() -> None:
    said = _RUNC + 'error during container init: error mounting "x" to rootfs at "/sys": operation not permitted'
    log = json.dumps({"level": "error", "msg": said}).encode()
    assert complaint(log, "x") == 'error mounting "x" to rootfs at "/sys": operation not permitted'


@given(st.binary())
def test_any_log_gives_a_reason(log: bytes) -> None:
    assert complaint(log, "x") == "the runtime gave no reason"
