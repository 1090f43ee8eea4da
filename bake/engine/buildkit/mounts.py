"""RUN steps → exec operations with their mounts (reference/buildkit-grpc.md §4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bake.engine.buildkit.capabilities import MOUNT_POINTS
from bake.engine.buildkit.llb import Output, State
from bake.engine.buildkit.wire.messages import MESSAGES
from bake.plan.step import BindMount, CacheMount, ExecMount, ExecOp, SecretMount, SshMount, Step, TmpfsMount

if TYPE_CHECKING:
    from bake.engine.buildkit.lower import Lowering

NETWORKS = {"default": 0, "host": 1, "none": 2}
_SHARING = {"shared": 0, "private": 1, "locked": 2}
_TYPES = {"bind": 0, "secret": 1, "ssh": 2, "cache": 3, "tmpfs": 4}
_DEFAULT_SHM = 64 << 20
_PROXIES = {"http_proxy": "http", "https_proxy": "https", "ftp_proxy": "ftp", "no_proxy": "no", "all_proxy": "all"}


def lower_exec(low: Lowering, step: Step) -> State:
    """A RUN. Its root is mount 0 and the only output."""
    op = step.op
    assert isinstance(op, ExecOp)
    made = MESSAGES.ExecOp(network=NETWORKS[op.network], security=1 if op.security == "insecure" else 0)
    work = _Work(low, step, made)
    work.mount(low.input(step, 0), dest="/", output=0)
    for mount in sorted(op.mounts, key=lambda m: m.target):
        work.add(mount)
    if op.files:
        work.mount(low.written(op.files, "[internal] scripts"), dest="/dev/pipes", readonly=True)
    if op.shm_size != _DEFAULT_SHM:
        work.caps.add("exec.mount.tmpfs.size")
        work.mount(None, dest="/dev/shm", type=_TYPES["tmpfs"], tmpfs=MESSAGES.TmpfsOpt(size=op.shm_size))
    _fill(made.meta, op, step, work.caps, low.caps)
    return low.add(step, work.inputs, caps=sorted(work.caps), exec=made)


class _Work:
    """The inputs and mounts of one exec, as they come; mounts and variables go into `made`."""

    def __init__(self, low: Lowering, step: Step, made: Any) -> None:
        self._low, self._step, self._made = low, step, made
        self.inputs: list[Output] = []
        self.caps: set[str] = set()

    def mount(self, source: State, output: int = -1, **fields: Any) -> None:
        self._made.mounts.add(input=self._number(source), output=output, **fields)

    def _number(self, source: State) -> int:
        if source is None:
            return -1
        if source not in self.inputs:
            self.inputs.append(source)
        return self.inputs.index(source)

    def add(self, mount: ExecMount) -> None:
        match mount:
            case BindMount():
                source, path = self._low.subtree(self._step, mount.input, mount.source)
                self.mount(source, dest=mount.target, selector=_selector(path), readonly=not mount.writable)
            case CacheMount():
                self._cache(mount)
            case TmpfsMount():
                self._tmpfs(mount)
            case SecretMount():
                self._secret(mount)
            case SshMount():
                opt = MESSAGES.SecretOpt(
                    id=self._low.agent_id(self._step, mount),
                    uid=mount.uid,
                    gid=mount.gid,
                    mode=mount.mode,
                    optional=not mount.required,
                )
                self.mount(None, dest=mount.target, type=_TYPES["ssh"], ssh=opt)

    def _tmpfs(self, mount: TmpfsMount) -> None:
        opt = MESSAGES.TmpfsOpt(size=mount.size)
        if mount.size:
            self.caps.add("exec.mount.tmpfs.size")
        self.mount(None, dest=mount.target, type=_TYPES["tmpfs"], tmpfs=opt)

    def _cache(self, mount: CacheMount) -> None:
        source: State
        if mount.input >= 0:
            source, path = self._low.subtree(self._step, mount.input, mount.source)
        else:
            source, path = self._empty_cache(mount)
        opt = MESSAGES.CacheOpt(id=mount.id, sharing=_SHARING[mount.sharing])
        self.mount(
            source,
            dest=mount.target,
            selector=_selector(path),
            readonly=mount.readonly,
            type=_TYPES["cache"],
            cache=opt,
        )

    def _empty_cache(self, mount: CacheMount) -> tuple[State, str]:
        """A new cache starts as a directory of the owner and mode asked for."""
        if (mount.mode, mount.uid, mount.gid) == (0o755, 0, 0):
            return None, "/"
        ids = (MESSAGES.UserOpt(by_id=mount.uid), MESSAGES.UserOpt(by_id=mount.gid))
        made = MESSAGES.MakeDir(
            path="/cache", mode=mount.mode, owner=MESSAGES.ChownOpt(user=ids[0], group=ids[1]), timestamp=-1
        )
        action = MESSAGES.FileAction(input=-1, secondary=-1, output=0, mkdir=made)
        name = f"[internal] cache for {mount.target}"
        return self._low.helper((), self._step.platform, name, file=MESSAGES.FileOp(actions=[action])), "/cache"

    def _secret(self, mount: SecretMount) -> None:
        id = self._low.secret_id(self._step, mount)
        if mount.target:
            opt = MESSAGES.SecretOpt(id=id, uid=mount.uid, gid=mount.gid, mode=mount.mode, optional=not mount.required)
            self.mount(None, dest=mount.target, type=_TYPES["secret"], secret=opt)
        if mount.env:
            self.caps.add("exec.secretenv")
            self._made.secretenv.add(id=id, name=mount.env, optional=not mount.required)


def _selector(path: str) -> str:
    return "" if path in ("", "/") else path


def _fill(meta: Any, op: ExecOp, step: Step, caps: set[str], known: frozenset[str]) -> None:
    """What is run, as whom, where, with which environment."""
    env = [f"{name}={value}" for name, value in op.env]
    env += [f"{name}={value}" for name, value in step.ambient.env if name.lower() not in _PROXIES]
    agent = next((m for m in op.mounts if isinstance(m, SshMount)), None)
    if agent is not None and not any(name == "SSH_AUTH_SOCK" for name, _ in op.env):
        env.append(f"SSH_AUTH_SOCK={agent.target}")
    # the mount points are unset for old builders: another digest than theirs is not recognized
    meta.args.extend(op.args)
    meta.env.extend(env)
    meta.cwd, meta.user, meta.clean_mount_points = op.cwd or "/", op.user, MOUNT_POINTS in known
    proxies = {ours: value for name, value in step.ambient.env if (ours := _PROXIES.get(name.lower()))}
    if proxies:
        meta.proxy.CopyFrom(MESSAGES.ProxyEnv(**proxies))
    for host, address in step.ambient.host_addresses:
        meta.hosts.add(host=host, ip=address)
    if op.hostname != "buildkitsandbox":
        meta.hostname = op.hostname
    if op.ulimits:
        caps.add("exec.meta.ulimit")
        meta.ulimits.extend(_ulimits(op.ulimits))


def _ulimits(texts: Iterable[str]) -> Iterable[Any]:
    for text in texts:
        name, _, limits = text.partition("=")
        soft, _, hard = limits.partition(":")
        yield MESSAGES.Ulimit(name=name, soft=int(soft), hard=int(hard or soft))
