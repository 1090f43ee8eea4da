"""Run as a program in the namespaces of a helper process: one sandbox, driven by lines of JSON on stdin.

`sandbox_host.py DIRECTORY NAME [REQUEST]`: DIRECTORY is an empty one; NAME what `detect` shall prefer. Each line is a
request, see `Host.answer`; each is answered by one line. A REQUEST given is run on our own stdio, with its exit code.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from building import make_busybox

from bake.engine.embedded import syscalls
from bake.errors import BakeError
from bake.ports.sandbox import Bind, Execution, Sandbox, StartFailed, Tmpfs
from bake.sandbox.detect import detect

DEFAULTS: dict[str, Any] = {
    "args": (),
    "env": (("PATH", "/bin"),),
    "cwd": "/",
    "user": "",
    "network": "host",
    "insecure": False,
    "hostname": "buildkitsandbox",
    "mounts": (),
    "shm_size": 64 << 20,
    "ulimits": (),
    "terminal": False,
}


class Host:
    """A memory file system with a busybox root, of which each request gets an overlay."""

    def __init__(self, directory: Path, sandbox: Sandbox, rootless: bool) -> None:
        self.sandbox = sandbox
        self.base = make_busybox(directory / "base")
        self._directory = directory
        self._options = ",userxattr" if rootless else ""
        self._count = 0

    async def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Runs `asked["execution"]`. `files`: path → (text, mode) put into the root before; `cancel_at`: a text in the
        output at which the run is cancelled; `read`: paths whose content and attributes are wanted afterwards."""
        self._count += 1
        place = self._directory / str(self._count)
        root, scratch = place / "root", place / "scratch"
        for path in (root, scratch, place / "upper", place / "work"):
            path.mkdir(parents=True)
        options = f"lowerdir={self.base},upperdir={place}/upper,workdir={place}/work{self._options}"
        syscalls.mount("overlay", str(root), "overlay", 0, options)
        try:
            for name, (text, mode) in asked.get("files", {}).items():
                write(root / name.strip("/"), text, mode)
            found = await self._run(str(root), str(scratch), place, asked)
            found["scratch"] = sorted(os.listdir(scratch))
            found["changed"] = {name: look(place / "upper" / name) for name in asked.get("read", ())}
            found["processes"] = processes()
            return found
        finally:
            syscalls.unmount(str(root))

    async def _run(self, root: str, scratch: str, place: Path, asked: dict[str, Any]) -> dict[str, Any]:
        output: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        reached = asyncio.Event()

        def take(stream: str, chunk: bytes) -> None:
            output[stream] += chunk
            if asked.get("cancel_at") and asked["cancel_at"].encode() in output[stream]:
                reached.set()

        given = {**DEFAULTS, **asked["execution"]}
        given["mounts"] = tuple(mount(place, number, row) for number, row in enumerate(given["mounts"]))
        execution = Execution(**{k: tuple(map(freeze, v)) if isinstance(v, list) else v for k, v in given.items()})
        run = asyncio.create_task(self.sandbox.run(root, execution, scratch, None if asked.get("inherit") else take))
        found: dict[str, Any] = {}
        if asked.get("cancel_at") is not None:
            if asked["cancel_at"]:
                await reached.wait()
            else:
                await asyncio.sleep(0)
            run.cancel()
        try:
            found["code"] = await run
        except StartFailed as error:
            found["refused"] = str(error)
        except asyncio.CancelledError:
            found["cancelled"] = True
        return {**found, **{name: base64.b64encode(data).decode() for name, data in output.items()}}


def mount(place: Path, number: int, row: dict[str, Any]) -> Bind | Tmpfs:
    """`{"target", "text", "mode", "readonly"}` is a file made for this, `{"target", "directory", …}` a directory."""
    if "size" in row:
        return Tmpfs(row["target"], row["size"], row["mode"])
    source = place / f"source{number}"
    if row.get("directory"):
        source.mkdir()
    else:
        write(source, row["text"], row.get("mode", 0o644))
    return Bind(str(source), row["target"], row.get("readonly", True))


def write(path: Path, text: str, mode: int) -> None:
    """`-> TARGET` makes a link, `base64:…` is binary."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if text.startswith("-> "):
        path.symlink_to(text[3:])
        return
    data = base64.b64decode(text[7:]) if text.startswith("base64:") else text.encode()
    path.write_bytes(data)
    path.chmod(mode)


def look(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    info = path.stat()
    text = path.read_text() if path.is_file() else ""
    return {"owner": [info.st_uid, info.st_gid], "mode": oct(info.st_mode & 0o7777), "text": text}


def freeze(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def processes() -> list[str]:
    """What runs in this pid namespace beside this process and the threads of the kernel."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                line = Path("/proc", entry, "cmdline").read_bytes().replace(b"\0", b" ").decode()
                state = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if state != "Z":
                found.append(line)
    return found


async def main(directory: Path, name: str, request: str = "") -> None:
    os.umask(0o022)
    rootless = Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]
    syscalls.mount("tmpfs", str(directory), "tmpfs")
    try:
        sandbox = await detect(rootless, directory, name or None)
    except BakeError as error:
        say({"error": str(error), "hint": error.diagnostics[0].hint})
        return
    host = Host(directory, sandbox, rootless)
    if request:
        found = await host.answer(json.loads(request) | {"inherit": True})
        sys.exit(found["code"])
    say({"sandbox": sandbox.name, "reductions": dict(getattr(sandbox, "reductions", {}))})
    while line := await asyncio.to_thread(sys.stdin.readline):
        say(await host.answer(json.loads(line)))


def say(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
