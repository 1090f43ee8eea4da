"""Foreign platforms: which ones run, in a private user namespace made to run, and the error where they cannot."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import anyio
import pytest
from as_user import CHECKOUT, USER, as_user, ensure_user

from bake.errors import HostError
from bake.oci.platform import parse_platform
from bake.sandbox.elf import MACHINES, program
from bake.sandbox.emulation import Emulation

HOST = parse_platform(f"linux/{os.uname().machine}")
FOREIGN = "arm64" if HOST.arch != "arm64" else "riscv64"
NEEDS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="makes users and namespaces")
_OWN = ["unshare", "--user", "--map-root-user", "--mount"]


def has_private_binfmt() -> bool:
    """Linux 6.7 gives each user namespace its own."""
    mount = ["mount", "-t", "binfmt_misc", "none", "/mnt"]
    return subprocess.run([*_OWN, *mount], capture_output=True, check=False).returncode == 0


def is_registered() -> bool:
    """Whether this host itself runs the foreign platform, so that nothing can be refused."""
    return bool(list(Path("/proc/sys/fs/binfmt_misc").glob("qemu-*")))


@pytest.mark.parametrize("arch", MACHINES)
def test_the_smallest_programs_end_well(arch: str, tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(program(MACHINES[arch]))
    path.chmod(0o755)
    emulator = f"qemu-{MACHINES[arch].emulator}-static"
    assert subprocess.run([emulator, str(path)], check=False).returncode == 0
    broken = program(MACHINES[arch], b"\0" * 16)
    path.write_bytes(broken)
    assert subprocess.run([emulator, str(path)], capture_output=True, check=False).returncode != 0


def test_the_own_platform_needs_no_trial(tmp_path: Path) -> None:
    anyio.run(Emulation(tmp_path / "none", False).need, str(HOST))
    anyio.run(Emulation(tmp_path / "none", False).need, "")


@NEEDS_ROOT
def test_what_cannot_run_is_told_with_what_to_do(tmp_path: Path) -> None:
    if is_registered():
        pytest.skip("this host runs foreign programs")
    for platform, hint in ((f"linux/{FOREIGN}", "qemu"), ("linux/sparc", "--builder"), ("windows/amd64", "--builder")):
        with pytest.raises(HostError) as caught:
            anyio.run(Emulation(tmp_path, False).need, platform)
        (found,) = caught.value.diagnostics
        assert found.code == "foreign-platform"
        assert platform in found.message
        assert hint in (found.hint or "")


SCRIPT = """
import anyio, json, sys
from pathlib import Path
from bake.sandbox.emulation import Emulation, survey
print(json.dumps(anyio.run(survey, Emulation(Path(sys.argv[1]), True))[0]))
"""


@NEEDS_ROOT
def test_qemu_is_registered_in_a_private_namespace(tmp_path: Path) -> None:
    argv = [*_OWN, sys.executable, "-c", SCRIPT, str(tmp_path)]
    told = json.loads(subprocess.run(argv, capture_output=True, check=True, cwd=CHECKOUT).stdout)
    expected = set(MACHINES) if has_private_binfmt() else {HOST.arch}
    assert {name.removeprefix("linux/") for name in told} >= expected
    assert not list(Path("/proc/sys/fs/binfmt_misc").glob("bake-*")), "the host's own must stay as it is"


MAKES_A_DIRECTORY = (
    struct.pack("<8I", 0x92800C60, 0x100000E1, 0xD2803DA2, 0xD2800448, 0xD4000001, 0xD2800000, 0xD2800BA8, 0xD4000001)
    + b"/made\0"
)
"""arm64: mkdirat(AT_FDCWD, "/made", 0755), exit(0)."""
SPEC = """
[target.app]
platforms = ["linux/arm64"]
dockerfile-inline = '''
FROM scratch
COPY program /program
RUN ["/program"]
CMD ["/program"]
'''
output = ["type=local,dest=out"]
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A project of an ordinary user."""
    ensure_user()
    directory = Path(mkdtemp(prefix="bake-foreign-"))
    (directory / "bake.toml").write_text(SPEC)
    (directory / "program").write_bytes(program(MACHINES["arm64"], MAKES_A_DIRECTORY))
    (directory / "program").chmod(0o755)
    subprocess.run(["chown", "-R", f"{USER}:", directory], check=True)
    yield directory
    remove = ["find", str(directory), "-depth", "-delete"]
    subprocess.run(remove, check=True)


@NEEDS_ROOT
@pytest.mark.skipif(HOST.arch == "arm64", reason="arm64 is not foreign here")
def test_foreign_steps_of_an_ordinary_user(place: Path) -> None:
    """They run emulated, `bake run` too; where the kernel cannot, the step's place is told."""

    def bake(*line: str) -> subprocess.CompletedProcess[str]:
        variables = {"HOME": str(place), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(CHECKOUT)}
        argv = [
            "env",
            *(f"{name}={value}" for name, value in variables.items()),
            sys.executable,
            "-P",
            "-m",
            "bake",
            *line,
        ]
        return subprocess.run(as_user(argv), cwd=place, capture_output=True, text=True, check=False)

    done = bake("build", "app", "--progress", "plain")
    if not has_private_binfmt() and not is_registered():
        assert done.returncode == 4
        assert "app:dockerfile-inline:3" in done.stderr and "linux/arm64" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert (place / "out/made").is_dir()
    assert bake("run", "app").returncode == 0
    refused = bake("run", "app", "--platform", "linux/amd64")
    assert (refused.returncode, "linux/arm64" in refused.stderr) == (2, True)


@NEEDS_ROOT
@pytest.mark.skipif(HOST.arch == "arm64", reason="arm64 is not foreign here")
def test_the_error_names_step_and_platform(tmp_path: Path) -> None:
    if is_registered():
        pytest.skip("this host runs foreign programs")
    from projects import Project

    made = Project(tmp_path)
    made.write("bake.toml", SPEC)
    (made.root / "program").write_bytes(program(MACHINES["arm64"], MAKES_A_DIRECTORY))
    (error,) = made.build().errors
    (found,) = error.diagnostics
    assert (error.exit_code, found.code) == (4, "foreign-platform")
    assert found.span is not None and found.span.line == 3
    assert "linux/arm64" in found.message


@NEEDS_ROOT
@pytest.mark.skipif(HOST.arch == "arm64", reason="arm64 is not foreign here")
def test_a_plan_warns_of_what_could_not_run(tmp_path: Path) -> None:
    """By the build's own trial; a plan without such a step tries nothing, and none leaves anything."""
    if is_registered():
        pytest.skip("this host runs foreign programs")
    from projects import Project

    from bake.app.predicting import plan

    made = Project(tmp_path)
    made.write("bake.toml", SPEC)
    (made.root / "program").write_bytes(program(MACHINES["arm64"], MAKES_A_DIRECTORY))
    seen: list[Any] = []
    anyio.run(plan, made.options(), seen.append)
    (event,) = seen
    found = event.diagnostic
    assert (found.code, found.severity, found.line) == ("foreign-platform", "warning", 3)
    assert "linux/arm64" in found.message and "qemu" in found.hint
    made.write("bake.toml", SPEC.replace('RUN ["/program"]\n', ""))
    seen.clear()
    anyio.run(plan, made.options(), seen.append)
    assert seen == []
