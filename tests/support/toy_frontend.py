"""A front end of our own: the program inside the image that `toy_image` makes. It compiles this language, line by line:

    FROM scratch | IMAGE | @NAME     what it starts from: nothing, an image, a named context
    WRITE PATH TEXT                  a file
    ENV NAME VALUE                   a variable of the image
    COPY SOURCE DEST                 from the context
    TAKE NAME SOURCE DEST            from a named context
    RUN COMMAND                      by busybox; `$ID` stands for the file of the secret with that id
    END NAME                         the rest is left out when NAME is the target
    SAY TEXT, FAIL TEXT              a line on stderr; an error

`${NAME}` is a build argument. It speaks gRPC on stdin and stdout, as every front end does, with the messages of bake.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import re
import shlex
import sys
from typing import Any

from grpclib.client import Channel
from grpclib.const import Cardinality

from bake.engine.buildkit.wire.messages import _classes
from bake.engine.buildkit.wire.schema import SCHEMA

M = _classes(
    SCHEMA
    + """ReadFileRequest
 1 ref string
 2 path string
InputsResponse
 1 definitions string>Definition
ResolveRequest
 1 ref string
 2 platform Platform
ResolveResponse
 1 digest string
 2 config bytes
EndRequest
 1 result BridgeResult
 2 error Status
"""
)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/"


class Pipes(asyncio.Transport):
    """stdin and stdout as one connection, whose start is written already."""

    def __init__(self, out: Any) -> None:
        super().__init__()
        self._out = out

    def write(self, data: Any) -> None:
        self._out.write(bytes(data).removeprefix(PREFACE))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        return None


class Reader(asyncio.Protocol):
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._inner.connection_lost(error)


class Stdio(Channel):
    async def _create_connection(self) -> Any:
        loop, made = asyncio.get_running_loop(), self._protocol_factory()
        out, _ = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout.buffer)
        await loop.connect_read_pipe(lambda: Reader(made), sys.stdin.buffer)
        made.connection_made(Pipes(out))
        return made


class Llb:
    """Operations that build on one another."""

    def __init__(self) -> None:
        self.ops: dict[str, tuple[bytes, str]] = {}

    def add(self, inputs: list[tuple[str, int]], name: str = "", **operation: Any) -> tuple[str, int]:
        op = M.Op(inputs=[M.Input(digest=d, index=i) for d, i in inputs], **operation)
        op.platform.CopyFrom(M.Platform(os=OS, arch=ARCH))
        data = op.SerializeToString(deterministic=True)
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.ops[digest] = data, name
        return digest, 0

    def embed(self, definition: Any) -> tuple[str, int] | None:
        """What an input holds."""
        if not definition.defs:
            return None
        *ops, last = definition.defs
        for data in ops:
            self.ops["sha256:" + hashlib.sha256(data).hexdigest()] = data, ""
        end = M.Op.FromString(last).inputs[0]
        return end.digest, end.index

    def local(self, name: str) -> tuple[str, int]:
        attrs = {"local.session": os.environ["BUILDKIT_SESSION_ID"], "local.sharedkeyhint": name}
        return self.add([], f"load {name}", source=M.SourceOp(identifier=f"local://{name}", attrs=attrs))

    def definition(self, result: tuple[str, int] | None) -> Any:
        made = M.Definition()
        if result is None:
            return made
        for digest, (data, name) in self.ops.items():
            made.defs.append(data)
            made.metadata[digest].CopyFrom(M.OpMetadata(description={"llb.customname": name} if name else {}))
        made.defs.append(M.Op(inputs=[M.Input(digest=result[0], index=result[1])]).SerializeToString())
        return made


def options() -> dict[str, str]:
    """What the build asks for."""
    rows = (value for key, value in os.environ.items() if key.startswith("BUILDKIT_FRONTEND_OPT_"))
    return dict(row.partition("=")[::2] for row in rows)


OPTIONS = options()
OS, ARCH = OPTIONS.get("platform", "linux/amd64").split("/")[:2]


class Failed(Exception):
    """What the text says is wrong."""


class Toy:
    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.llb = Llb()
        self.state: tuple[str, int] | None = None
        self.config: dict[str, Any] = {"os": OS, "architecture": ARCH, "rootfs": {"type": "layers"}, "config": {}}

    async def call(self, name: str, request: Any, reply: Any) -> Any:
        async with self.channel.request(BRIDGE + name, Cardinality.UNARY_UNARY, type(request), reply) as stream:
            await stream.send_message(request, end=True)
            found = await stream.recv_message()
            await stream.recv_trailing_metadata()
            return found

    async def solve(self, definition: Any) -> Any:
        request = M.BridgeRequest(
            definition=definition.SerializeToString(), allow_result_return=True, allow_result_array_ref=True
        )
        return (await self.call("Solve", request, M.BridgeResponse)).result.ref

    async def run(self) -> None:
        try:
            result = await self.compiled()
            await self.call("Return", M.EndRequest(result=result), M.Empty)
        except Failed as error:
            failure = M.Status(code=3, message=str(error))
            await self.call("Return", M.EndRequest(error=failure), M.Empty)

    async def compiled(self) -> Any:
        loaded = Llb()
        ref = await self.solve(loaded.definition(loaded.local("dockerfile")))
        file = OPTIONS.get("filename", "Dockerfile")
        text = (await self.call("ReadFile", M.ReadFileRequest(ref=ref.id, path=file), M.Bytes)).data.decode()
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip() and not line.startswith("#"):
                word, _, rest = re.sub(r"\$\{(\w+)\}", self._argument, line).partition(" ")
                if word == "END":
                    if rest == OPTIONS.get("target"):
                        break
                    continue
                step = getattr(self, f"do_{word.lower()}", None)
                if step is None:
                    raise Failed(f"line {number}: what is {word}?")
                await step(line, rest)
        labels = {key[6:]: value for key, value in OPTIONS.items() if key.startswith("label:")}
        self.config["config"].setdefault("Labels", {}).update(labels, toy="1")
        done = await self.solve(self.llb.definition(self.state))
        return M.BridgeResult(
            ref=M.BridgeRef(id=done.id), metadata={"containerimage.config": json.dumps(self.config).encode()}
        )

    @staticmethod
    def _argument(found: re.Match[str]) -> str:
        return OPTIONS.get(f"build-arg:{found[1]}", "")

    async def named(self, name: str) -> tuple[str, int] | None:
        """A named context."""
        value = OPTIONS.get(f"context:{name}", "")
        kind, _, rest = value.partition(":")
        if kind == "local":
            return self.llb.local(rest)
        if kind == "input":
            meta = json.loads(OPTIONS.get(f"input-metadata:{rest}", "{}"))
            self.config = json.loads(base64.b64decode(meta["containerimage.config"]))
            found = await self.call("Inputs", M.Empty(), M.InputsResponse)
            return self.llb.embed(found.definitions[rest])
        if kind == "docker-image":
            return await self.image(rest.removeprefix("//"))
        raise Failed(f"no context {name}: {value}")

    async def image(self, name: str) -> tuple[str, int]:
        request = M.ResolveRequest(ref=name, platform=M.Platform(os=OS, arch=ARCH))
        found = await self.call("ResolveImageConfig", request, M.ResolveResponse)
        config = json.loads(found.config)
        self.config["config"] = config.get("config", {})
        name = name.partition("@")[0] + f"@{found.digest}"
        return self.llb.add([], f"FROM {name}", source=M.SourceOp(identifier=f"docker-image://{name}"))

    async def do_from(self, _line: str, rest: str) -> None:
        if rest.startswith("@"):
            self.state = await self.named(rest[1:])
        elif rest != "scratch":
            self.state = await self.image(rest)

    async def do_env(self, _line: str, rest: str) -> None:
        name, _, value = rest.partition(" ")
        self.config["config"].setdefault("Env", []).append(f"{name}={value}")

    async def do_write(self, line: str, rest: str) -> None:
        path, _, text = rest.partition(" ")
        made = M.MakeFile(path=path, mode=0o644, data=text.encode(), timestamp=-1)
        self._file(line, [], M.FileAction(input=self._base(), secondary=-1, output=0, mkfile=made))

    async def do_copy(self, line: str, rest: str) -> None:
        await self._copy(line, self.llb.local("context"), *rest.split())

    async def do_take(self, line: str, rest: str) -> None:
        name, source, dest = rest.split()
        kept = self.config
        found = await self.named(name)
        self.config = kept
        assert found is not None
        await self._copy(line, found, source, dest)

    async def _copy(self, line: str, source: tuple[str, int], path: str, dest: str) -> None:
        copy = M.CopyFile(
            src=path, dest=dest, mode=-1, follow=True, contents=True, mkdest=True, wildcard=True, timestamp=-1
        )
        number = 0 if self.state is None else 1
        self._file(line, [source], M.FileAction(input=self._base(), secondary=number, output=0, copy=copy))

    async def do_run(self, line: str, rest: str) -> None:
        mounts = [M.Mount(input=0, dest="/", output=0)]
        for id in dict.fromkeys(re.findall(r"\$(\w+)", rest)):
            secret = M.SecretOpt(id=id, mode=0o400)
            mounts.append(M.Mount(input=-1, dest=f"/run/secrets/{id}", output=-1, type=1, secret=secret))
        command = re.sub(r"\$(\w+)", r"/run/secrets/\1", rest)
        meta = M.Meta(args=["/bin/busybox", "sh", "-c", command], cwd="/", env=["PATH=/bin"])
        assert self.state is not None
        self.state = self.llb.add([self.state], line, exec=M.ExecOp(meta=meta, mounts=mounts, network=2))

    async def do_say(self, _line: str, rest: str) -> None:
        print(*shlex.split(rest), file=sys.stderr, flush=True)

    async def do_fail(self, _line: str, rest: str) -> None:
        raise Failed(rest)

    def _base(self) -> int:
        return -1 if self.state is None else 0

    def _file(self, line: str, more: list[tuple[str, int]], action: Any) -> None:
        inputs = [*([self.state] if self.state is not None else []), *more]
        self.state = self.llb.add(inputs, line, file=M.FileOp(actions=[action]))


async def main() -> None:
    channel = Stdio("stdio", 0)
    await Toy(channel).run()
    sys.stderr.flush()
    os._exit(0)  # builders kill a front end that has closed its connection and takes its time to end


def start() -> None:
    asyncio.run(main())
