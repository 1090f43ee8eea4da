"""The step graph: typed operations and their inputs (DESIGN §2).

Operations map one to one onto BuildKit's LLB. They are values: what a step does and nothing about this run.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal, NewType

import msgspec

from bake.oci.model import Descriptor

StepId = NewType("StepId", str)
"""Structural hash (32 hex digits) of an operation and its inputs' ids: equal steps of all targets are one step."""


class _Op(msgspec.Struct, frozen=True, tag_field="op", omit_defaults=True):
    pass


class ImageOp(_Op, tag="image", frozen=True):
    """A base image for one platform. `manifest` is its digest; layers and diff ids bottom first. No inputs."""

    reference: str
    manifest: str
    diff_ids: tuple[str, ...]
    layers: tuple[Descriptor, ...]


class LocalOp(_Op, tag="local", frozen=True):
    """A directory of this host, less what the ignore patterns leave out. No inputs."""

    root: str
    ignore: tuple[str, ...] = ()


class HttpOp(_Op, tag="http", frozen=True):
    """One file from a URL, named `name`, mode 0600 0:0. `checksum` is `sha256:…` or "". No inputs."""

    url: str
    name: str
    checksum: str = ""


class GitOp(_Op, tag="git", frozen=True):
    """A checkout of `ref` ("" = the remote's HEAD), narrowed to `subdir`. No inputs."""

    url: str
    ref: str = ""
    subdir: str = ""
    keep_git_dir: bool = False
    checksum: str = ""
    submodules: bool = True


class ScratchOp(_Op, tag="scratch", frozen=True):
    """The empty tree. No inputs."""


class WrittenFile(msgspec.Struct, frozen=True):
    """A file given by the Dockerfile itself; `data` as text."""

    path: str
    data: str
    mode: int = 0o644


class WriteOp(_Op, tag="write", frozen=True):
    """Files from heredocs on an empty tree. No inputs."""

    files: tuple[WrittenFile, ...]


class CopyAction(msgspec.Struct, frozen=True, omit_defaults=True):
    """One source of a COPY or ADD.

    `source`: cleaned path from the source's root, may hold wildcards; `dest`: absolute, a trailing slash counts.
    `owner` (`user[:group]`) and `mode` (octal or symbolic) as written after expansion, "" = keep. `unpack`: extract a
    tar archive. `parents`: keep the path right of `/./` (reference/dockerfile.md §8.5).
    """

    input: int
    source: str
    dest: str
    owner: str = ""
    mode: str = ""
    exclude: tuple[str, ...] = ()
    parents: bool = False
    unpack: bool = False


class CopyOp(_Op, tag="copy", frozen=True):
    """COPY or ADD: input 0 is the state copied into, the others the sources. One layer."""

    actions: tuple[CopyAction, ...]


class MkdirOp(_Op, tag="mkdir", frozen=True):
    """WORKDIR: makes `path` with its parents, owned by `owner` (`user[:group]`). Input 0: the state.

    `epoch`: the time of new directories in unix seconds; None for the time of the build.
    """

    path: str
    owner: str = ""
    mode: int = 0o755
    epoch: int | None = None


class MergeOp(_Op, tag="merge", frozen=True):
    """COPY --link: the top layer of input 1 (made on an empty tree) laid over input 0."""


class BindMount(msgspec.Struct, frozen=True, tag="bind", omit_defaults=True):
    target: str
    input: int
    source: str = ""
    writable: bool = False


class CacheMount(msgspec.Struct, frozen=True, tag="cache", omit_defaults=True):
    """`input` -1: starts empty."""

    target: str
    id: str
    sharing: Literal["shared", "private", "locked"] = "shared"
    input: int = -1
    source: str = ""
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    readonly: bool = False


class TmpfsMount(msgspec.Struct, frozen=True, tag="tmpfs", omit_defaults=True):
    target: str
    size: int = 0


class SecretMount(msgspec.Struct, frozen=True, tag="secret", omit_defaults=True):
    """A file at `target` ("" = none) and, or, a variable `env` ("" = none)."""

    id: str
    target: str = ""
    env: str = ""
    mode: int = 0o400
    uid: int = 0
    gid: int = 0
    required: bool = False


class SshMount(msgspec.Struct, frozen=True, tag="ssh", omit_defaults=True):
    id: str
    target: str
    mode: int = 0o600
    uid: int = 0
    gid: int = 0
    required: bool = False


ExecMount = BindMount | CacheMount | TmpfsMount | SecretMount | SshMount


class ExecOp(_Op, tag="exec", frozen=True):
    """RUN: input 0 is the root file system, further inputs are mount sources. One layer: the changes of the root.

    `env` in order, ARGs in scope included; `arguments` names those of them that are ARGs (for reasons only).
    `user` as in the image config, looked up in the root's passwd.
    """

    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    arguments: tuple[str, ...] = ()
    cwd: str = "/"
    user: str = ""
    network: Literal["default", "none", "host"] = "default"
    security: Literal["sandbox", "insecure"] = "sandbox"
    hostname: str = "buildkitsandbox"
    mounts: tuple[ExecMount, ...] = ()
    files: tuple[WrittenFile, ...] = ()
    """Scripts of `RUN <<EOF` with a `#!` line, mounted read-only under /dev/pipes."""
    hosts: tuple[str, ...] = ()
    shm_size: int = 64 << 20
    ulimits: tuple[str, ...] = ()


class FrontendInput(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a front end gets beside its text. `name` "" is the main context.

    `kind`: a directory of this host (`local`), what another target made (`state`), or what it fetches itself, of which
    the input is only to be known (`remote`). `config`: of an image, as JSON.
    """

    name: str
    kind: Literal["local", "state", "remote"]
    config: str = ""


class FrontendOp(_Op, tag="frontend", frozen=True):
    """A whole image that a front end of somebody else makes of `text`, whatever it reads. Inputs as in `given`.

    `reference` names the front end's image, `manifest` is its digest, for the platform `runs_on`; `options` by their
    names in BuildKit's protocol, in order. `secrets` and `ssh` are ids. How many layers it makes shows when it is
    built.
    """

    reference: str
    manifest: str
    runs_on: str
    text: str
    options: tuple[tuple[str, str], ...]
    given: tuple[FrontendInput, ...] = ()
    secrets: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()
    entitlements: tuple[str, ...] = ()


SourceOp = ImageOp | LocalOp | HttpOp | GitOp | ScratchOp | WriteOp
LayerOp = CopyOp | MkdirOp | MergeOp | ExecOp | FrontendOp
Operation = SourceOp | LayerOp
SOURCES = (ImageOp, LocalOp, HttpOp, GitOp, ScratchOp, WriteOp)


@dataclass(frozen=True, slots=True)
class Ambient:
    """What a RUN step gets that never enters a key: proxy variables and the addresses of extra hosts."""

    env: tuple[tuple[str, str], ...] = ()
    host_addresses: tuple[tuple[str, str], ...] = ()


NO_AMBIENT = Ambient()


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the graph. `inputs` order is the operation's; `platform` is `os/arch[/variant]`."""

    id: StepId
    op: Operation
    inputs: tuple[StepId, ...]
    platform: str
    ambient: Ambient = field(default=NO_AMBIENT, compare=False)
    uncached: bool = False
    """Run even on a hit (`--no-cache`, `no-cache-filter`)."""

    @property
    def is_source(self) -> bool:
        return isinstance(self.op, SOURCES)


_ON_PLATFORMS = (ImageOp, ExecOp, FrontendOp)
"""Operations whose result depends on the platform."""


def make_step(
    op: Operation,
    inputs: tuple[StepId, ...] = (),
    platform: str = "",
    ambient: Ambient = NO_AMBIENT,
    uncached: bool = False,
) -> Step:
    """A step with its structural id. Equal operations on equal inputs have equal ids on every machine."""
    # A bare union member encodes with its tag.
    body = msgspec.json.encode((op, inputs, platform if isinstance(op, _ON_PLATFORMS) else "", uncached))
    return Step(StepId(hashlib.sha256(body).hexdigest()[:32]), op, inputs, platform, ambient, uncached)
