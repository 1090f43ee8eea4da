"""RUN steps in the real sandbox: what they see, what their layer holds, and how they end."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import anyio
import pytest
from building import Builder, make_tree, scan

from bake.engine.embedded.ssh_agent import AgentSocket
from bake.errors import StepError, StepFailed
from bake.plan.step import (
    Ambient,
    BindMount,
    CacheMount,
    CopyAction,
    ExecOp,
    SecretMount,
    SshMount,
    TmpfsMount,
    WrittenFile,
    make_step,
)
from bake.plan.tree import SCRATCH, StateId
from bake.ports.task import StateInput, Task, TreeInput

pytestmark = pytest.mark.anyio


@pytest.fixture
async def base(build: Builder, tmp_path: Path) -> StateId:
    return await build.busybox(tmp_path / "busybox")


async def test_the_layer_is_what_changed(build: Builder, base: StateId) -> None:
    command = """
        echo new > /new; mkdir -p /d/e; echo 1 > /d/e/f; ln /new /same; ln -s /new /sym
        chmod 4755 /new; chown 5:6 /d; mkfifo /pipe
        : >> /etc/passwd; touch -r /etc/group /etc/passwd; rm /etc/group
    """
    layer = await build.run(base, command)
    listing = build.listing(layer)
    runtime = {name: listing.pop(name) for name in ("dev", "proc", "sys") if name in listing}
    assert set(runtime.values()) <= {"d 755 0:0"}
    assert listing == {
        "d": "d 755 5:6", "d/e": "d 755 0:0", "d/e/f": "f 644 0:0",
        "etc": "d 755 0:0", "etc/group": "w",
        "new": "f 4755 0:0", "pipe": "p 644 0:0", "same": "f 4755 0:0 = new", "sym": "l 0:0 -> /new",
    }  # fmt: skip
    fs = layer.directory / "fs"
    assert {path.name for path in (fs / "etc").iterdir()} == {"group"}


async def test_replaced_directories_are_opaque_only_when_they_hide(build: Builder, base: StateId) -> None:
    first = await build.run(base, "mkdir -p /d/x /empty; echo > /d/f")
    layer = await build.run(first.state, "rm -rf /d /empty; mkdir /d /empty; echo > /d/g; chmod 700 /empty")
    assert build.listing(layer) == {"d": "d 755 0:0 opaque", "d/g": "f 644 0:0", "empty": "d 700 0:0"}
    assert not {"d/f", "d/x"} & build.tree(layer).keys()
    after = await build.run(layer.state, "ls /d; rm -r /d; ls -d /empty")
    assert (build.output(), build.listing(after)) == (["g", "/empty"], {"d": "w"})


async def test_the_same_work_is_the_same_state(build: Builder, base: StateId) -> None:
    first = await build.run(base, "echo hi > /tmp/x; mkdir /y")
    again = await build.run(base, "sleep 0.02; mkdir /y; echo hi > /tmp/x; touch /tmp/gone; rm /tmp/gone")
    assert again.state == first.state


async def test_nothing_changed_is_an_empty_layer(build: Builder, base: StateId) -> None:
    ready = await build.run(base, "true")
    layer = await build.run(ready.state, "cat /etc/passwd > /dev/null; chmod 755 /root; chown 0:0 /bin/busybox")
    assert build.listing(layer) == {}
    assert list((layer.directory / "fs").iterdir()) == []


async def test_environment_user_and_files(build: Builder, base: StateId) -> None:
    command = "id -u; id -G; pwd; echo $A-$B; echo $PATH; cat /etc/hosts; hostname; cat /etc/resolv.conf | wc -c"
    hosts = Ambient(env=(("B", "ambient"),), host_addresses=(("DB", "10.1.2.3"),))
    op = ExecOp(("/bin/sh", "-c", command), env=(("A", "a b"),), cwd="/tmp", user="bob")
    await build.engine.run(Task(make_step(op, ambient=hosts), (StateInput(base),)), build.say)
    size = Path("/etc/resolv.conf").stat().st_size if Path("/etc/resolv.conf").exists() else 0
    assert build.output() == [
        "1001", "1002 1003", "/tmp", "a b-ambient", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "127.0.0.1\tlocalhost buildkitsandbox", "::1\tlocalhost ip6-localhost ip6-loopback", "10.1.2.3\tdb",
        "buildkitsandbox", str(size),
    ]  # fmt: skip


async def test_secrets_leave_nothing(build: Builder, base: StateId) -> None:
    mounts = (
        SecretMount("tok", "/run/secrets/tok"),
        SecretMount("own", "/root/.netrc", mode=0o440, uid=1001, gid=1002),
        SecretMount("env", env="TOKEN"),
        SecretMount("missing", "/run/secrets/missing"),
        SecretMount("unset", env="UNSET"),
    )
    secrets = {"tok": b"s3cret-tok", "own": b"s3cret-own", "env": b"s3cret-env"}
    command = (
        "cat /run/secrets/tok; echo; stat -c '%a %u:%g' /run/secrets/tok /root/.netrc; echo $TOKEN; ls /run/secrets;"
        'echo "[$UNSET]"; echo x > /run/secrets/tok || echo readonly; echo done > /root/done'
    )
    layer = await build.run(base, command, mounts=mounts, secrets=secrets)
    assert build.output() == [
        "s3cret-tok", "400 0:0", "440 1001:1002", "s3cret-env", "tok", "[]", "readonly",
    ]  # fmt: skip
    left = {path: text for path, text in build.listing(layer).items() if path not in ("dev", "proc", "sys")}
    assert left == {"root": "d 755 0:0", "root/done": "f 644 0:0"}
    found = [p for p in build.store.root.rglob("*") if p.is_file() and b"s3cret" in p.read_bytes()]
    assert found == []
    with pytest.raises(StepError, match="secret gone: not found"):
        await build.run(base, "true", mounts=(SecretMount("gone", "/x", required=True),))


async def test_bind_mounts(build: Builder, base: StateId, tmp_path: Path) -> None:
    context = make_tree(tmp_path / "c", {"src/a": "A", "src/b": "B", "link": "-> src"})
    tree = {path: entry for path, entry in scan(context).items() if path != "src/b"}  # as .dockerignore would
    given = TreeInput(str(context), tree)
    other = await build.copy(SCRATCH, make_tree(tmp_path / "o", {"etc/x": "X"}), CopyAction(1, "/", "/"))
    mounts = (
        BindMount("/ctx", 1, "/"), BindMount("/file", 1, "/src/a"), BindMount("/via", 1, "/link"),
        BindMount("/rw", 2, "/etc", writable=True),
    )  # fmt: skip
    command = (
        "cd /ctx; find . -type f; cat /file; echo; ls /via; echo y > /rw/y; cat /rw/x; echo; ls /rw;"
        "echo no > /ctx/no || echo readonly"
    )
    layer = await build.run(base, command, given, StateInput(other.state), mounts=mounts)
    assert build.output() == ["./src/a", "A", "a", "X", "x", "y", "readonly"]
    assert build.listing(layer).keys() <= {"dev", "proc", "sys"}
    assert not (other.directory / "fs/etc/y").exists()
    with pytest.raises(StepError, match='"/nothing": not found'):
        await build.run(base, "true", given, mounts=(BindMount("/x", 1, "/nothing"),))


async def test_cache_mounts(build: Builder, base: StateId, tmp_path: Path) -> None:
    seed = await build.copy(SCRATCH, make_tree(tmp_path / "s", {"c/seed": "S"}), CopyAction(1, "/", "/"))
    mounts = (
        CacheMount("/one", "one", mode=0o750, uid=1001, gid=1002),
        CacheMount("/two", "two", input=1, source="/c"),
        CacheMount("/again", "one", mode=0o750, uid=1001, gid=1002),
    )
    command = "stat -c '%a %u:%g' /one; echo 1 >> /one/f; cat /again/f; ls /two; echo 2 > /two/more"
    layer = await build.run(base, command, StateInput(seed.state), mounts=mounts)
    assert build.output() == ["750 1001:1002", "1", "seed"]
    assert build.listing(layer).keys() <= {"dev", "proc", "sys"}
    await build.run(base, "cat /one/f; ls /two", StateInput(seed.state), mounts=mounts)
    assert build.output() == ["1", "more", "seed"]
    other = (CacheMount("/one", "one"),)
    await build.run(base, "ls -A /one; stat -c %a /one", mounts=other)
    assert build.output() == ["755"]


@pytest.mark.parametrize(("sharing", "together"), [("shared", True), ("private", False), ("locked", False)])
async def test_sharing_of_caches(build: Builder, base: StateId, sharing: str, together: bool) -> None:
    mounts = (CacheMount("/c", "x", sharing=sharing),)  # type: ignore[arg-type]
    # Each announces itself, waits for company, and tells how many it saw.
    command = (
        "echo > /c/$N; for i in 1 2 3 4 5 6; do [ $(ls /c | wc -l) = 2 ] && break; sleep 0.05; done; ls /c | wc -l"
    )
    seen: list[str] = []

    async def one(number: int) -> None:
        op = ExecOp(("/bin/sh", "-c", command + "; rm /c/$N"), env=(("N", str(number)),), mounts=mounts)
        await build.engine.run(
            Task(make_step(op), (StateInput(base),)),
            lambda stream, line: seen.append(line) if stream == "stdout" else None,
        )

    async with anyio.create_task_group() as group:
        for number in range(2):
            group.start_soon(one, number)
    assert ("2" in seen) == together
    assert len(list((build.store.root / "caches").glob("*/*/data"))) == (2 if sharing == "private" else 1)


async def test_tmpfs_and_scripts(build: Builder, base: StateId) -> None:
    script = WrittenFile("/dev/pipes/EOF", "#!/bin/sh\necho from script $1; exit 0\n", 0o755)
    mounts = (TmpfsMount("/mem", 1 << 20),)
    layer = await build.run(
        base, "/dev/pipes/EOF x; echo y > /mem/y; mount | grep ' /mem ' | cut -d' ' -f5; df -k /mem | tail -1",
        mounts=mounts, files=(script,),
    )  # fmt: skip
    first, kind, size = build.output()
    assert (first, kind, size.split()[1]) == ("from script x", "tmpfs", "1024")
    assert build.listing(layer).keys() <= {"dev", "proc", "sys"}


async def test_ssh_agent(build: Builder, base: StateId) -> None:
    path = f"/tmp/agent-{os.getpid()}"
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    mounts = (SshMount("default", "/run/buildkit/ssh_agent.0", mode=0o660, uid=1001, gid=1002),)
    try:
        command = "echo $SSH_AUTH_SOCK; stat -c '%a %u:%g %F' $SSH_AUTH_SOCK"
        layer = await build.run(base, command, mounts=mounts, ssh={"default": path})
        assert build.output() == ["/run/buildkit/ssh_agent.0", "660 1001:1002 socket"]
        assert build.listing(layer).keys() <= {"dev", "proc", "sys"}
        with pytest.raises(StepError, match="ssh agent other: not found"):
            await build.run(base, "true", mounts=(SshMount("other", "/s", required=True),))
        with pytest.raises(StepError, match="no socket at /nowhere"):
            await build.run(base, "true", mounts=mounts, ssh={"default": "/nowhere"})
    finally:
        server.close()
        os.unlink(path)


async def test_ssh_agent_answers(tmp_path: Path) -> None:
    """Both ways through the lent socket, the end of the stream too; deep below a long path."""
    path = f"/tmp/agent-echo-{os.getpid()}"

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"agent says " + await reader.read())
        writer.close()

    server = await asyncio.start_unix_server(echo, path)
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    try:
        lent = await AgentSocket.start(str(deep / "agent"), path, SshMount("default", "/x", mode=0o600))
        handle = os.open(deep / "agent", os.O_RDONLY)
        reader, writer = await asyncio.open_unix_connection(f"/proc/self/fd/{handle}/agent")
        writer.write(b"hello")
        writer.write_eof()
        assert await reader.read() == b"agent says hello"
        writer.close()
        os.close(handle)
        lent.close()
    finally:
        server.close()
        os.unlink(path)


async def test_failures(build: Builder, base: StateId) -> None:
    with pytest.raises(StepFailed) as caught:
        await build.run(base, 'echo out; echo "err" >&2; exit 7')
    assert caught.value.exit_code_of_step == 7
    assert str(caught.value) == (
        'process "/bin/sh -c echo out; echo \\"err\\" >&2; exit 7" did not complete successfully: exit code: 7'
    )
    assert (build.output(), build.output("stderr")) == (["out"], ["err"])
    with pytest.raises(StepFailed) as caught:
        await build.run(base, ["/no/such/program"])
    assert caught.value.exit_code_of_step is None
    with pytest.raises(StepFailed, match=r"did not finish within 0.2 s") as caught:
        await build.run(base, "sleep 60 & sleep 60", timeout=0.2)
    assert caught.value.diagnostics[0].code == "step-timeout"
    assert list((build.store.root / "tmp").glob("*/*/fs")) == []


async def test_output_of_any_kind(build: Builder, base: StateId) -> None:
    command = r"""printf 'a\r\n50%%\r60%%\rdone\nlast \303\251 \377'; printf '%s' "$(printf '%40000s' x)" >&2"""
    await build.run(base, command)
    assert build.output() == ["a", "50%", "60%", "done", "last é \ufffd"]
    assert [len(line) for line in build.output("stderr")] == [16384, 16384, 7232]


async def test_no_network(build: Builder, base: StateId) -> None:
    await build.run(base, "ls /sys/class/net", network="none")
    assert build.output() == ["lo"]


async def test_run_on_nothing(build: Builder, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/busybox").write_bytes(Path("/usr/bin/busybox").read_bytes())
    (tmp_path / "c/busybox").chmod(0o755)
    given = TreeInput(str(tmp_path / "c"), scan(tmp_path / "c"))
    mounts = (BindMount("/b", 1, "/"),)
    layer = await build.run(SCRATCH, ["/b/busybox", "mkdir", "/made"], given, mounts=mounts)
    assert build.listing(layer) == dict.fromkeys(("dev", "made", "proc", "sys"), "d 755 0:0")
