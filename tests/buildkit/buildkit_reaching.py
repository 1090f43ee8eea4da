"""One small build, over a way to a builder; or why that way is closed."""

from __future__ import annotations

import time
from typing import Any

BASE = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
SPEC = """
[target.app]
context = "."
network = "none"
output = [{ type = "oci", dest = "out.tar" }]
"""


def build_over(project: Any, address: str, word: str) -> None:
    """A build whose last step is new runs on `address`, and again contacts nobody."""
    project.write("Dockerfile", f"{BASE}RUN echo {word} > /word\n")
    project.write("bake.toml", SPEC)
    project.builders = (address,)
    result = project.build()
    assert [d for error in result.errors for d in error.diagnostics] == []
    assert (project.root / "out.tar").exists()
    digest = result.report.targets["app"].digest
    again = project.build(builders=("unix:///nowhere",))
    assert (again.errors, again.report.targets["app"].digest) == ((), digest)


def why_not(project: Any, address: str) -> tuple[int, str, str]:
    project.write("Dockerfile", f"{BASE}RUN echo {time.time_ns()}\n")
    project.write("bake.toml", SPEC)
    result = project.build(builders=(address,))
    (diagnostic,) = (d for error in result.errors for d in error.diagnostics)
    return result.report.exit_code, diagnostic.code, diagnostic.message
