"""RUN's mounts of all six kinds with all their options, and its other flags: seen from inside of real steps."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import anyio
import pytest
from projects import Project
from toml_values import toml

from bake.app.building import build
from bake.errors import InputError

STAT = "stat -c '%a %u %g'"
GOOD: dict[str, tuple[str, str]] = {
    "bind-defaults": ("--mount=target=/m", "test -f /m/file && test -d /m/dir && ! touch /m/new"),
    "bind-names-of-options": ("--mount=type=bind,src=/dir,dst=/m", "test $(cat /m/inner) = inner"),
    "bind-more-names": ("--mount=type=bind,source=dir/inner,destination=/m", "test $(cat /m) = inner"),
    "bind-readonly": ("--mount=target=/m,readonly", "! touch /m/new"),
    "bind-readwrite": ("--mount=target=/m,rw", "echo x > /m/file && echo y > /m/new && test $(cat /m/file) = x"),
    "bind-readwrite-long": ("--mount=target=/m,readwrite=true", "touch /m/new"),
    "bind-of-a-stage": ("--mount=from=stage,source=/made,target=/m", "test $(cat /m) = stage"),
    "bind-of-a-stage-in-any-case": ("--mount=from=STAGE,source=/made,target=/m", "test $(cat /m) = stage"),
    "bind-of-a-named-context": ("--mount=from=other,target=/m", "test $(cat /m/elsewhere) = other"),
    "bind-of-a-variable": ("--mount=target=/m,source=$DIR", "test $(cat /m/inner) = inner"),
    "bind-relative-target": ("--mount=target=m,source=dir", "test $(cat /work/m/inner) = inner"),
    "bind-ignores-what-is-ignored": ("--mount=target=/m", "! test -e /m/ignored"),
    "cache-defaults": ("--mount=type=cache,target=/c1", f"test \"$({STAT} /c1)\" = '755 0 0' && touch /c1/x"),
    "cache-owner": ("--mount=type=cache,target=/c2,mode=0750,uid=7,gid=8", f"test \"$({STAT} /c2)\" = '750 7 8'"),
    "cache-from-a-stage": ("--mount=type=cache,target=/c3,from=stage,source=/seed", "test $(cat /c3/f) = seed"),
    "cache-read-only": ("--mount=type=cache,target=/c4,ro", "! touch /c4/x"),
    "cache-twice-by-id": (
        "--mount=type=cache,id=k,target=/c5 --mount=type=cache,id=k,target=/c6",
        "touch /c5/x && test -e /c6/x",
    ),
    "cache-locked": ("--mount=type=cache,target=/c7,sharing=locked", "touch /c7/x"),
    "cache-private": ("--mount=type=cache,target=/c8,sharing=private", "touch /c8/x"),
    "tmpfs": ("--mount=type=tmpfs,target=/t", "grep -q ' /t tmpfs rw' /proc/mounts && touch /t/x"),
    "tmpfs-size": ("--mount=type=tmpfs,target=/t,size=1m", "! dd if=/dev/zero of=/t/x bs=1M count=2 2>/dev/null"),
    "secret-defaults": (
        "--mount=type=secret,id=s",
        f"test $(cat /run/secrets/s) = hush && test \"$({STAT} /run/secrets/s)\" = '400 0 0'",
    ),
    "secret-target": ("--mount=type=secret,id=s,target=/a/b", "test $(cat /a/b) = hush && ! test -e /run/secrets/s"),
    "secret-id-by-target": ("--mount=type=secret,target=/a/s", "test $(cat /a/s) = hush"),
    "secret-id-by-source": ("--mount=type=secret,source=s", "test $(cat /run/secrets/s) = hush"),
    "secret-mode": ("--mount=type=secret,id=s,mode=0444,uid=7,gid=8", f"test \"$({STAT} /run/secrets/s)\" = '444 7 8'"),
    "secret-owner-keeps-mode": ("--mount=type=secret,id=s,uid=7", f"test \"$({STAT} /run/secrets/s)\" = '400 7 0'"),
    "secret-env": ("--mount=type=secret,id=s,env=V", "test $V = hush && ! test -e /run/secrets/s"),
    "secret-env-and-file": ("--mount=type=secret,id=s,env=V,target=/f", "test $V = hush && test $(cat /f) = hush"),
    "secret-missing": ("--mount=type=secret,id=none", "! test -e /run/secrets/none"),
    "secret-missing-env": ("--mount=type=secret,id=none,env=V", 'test ${V+set} = set && test -z "$V"'),
    "secret-required": ("--mount=type=secret,id=s,required=true", "test -f /run/secrets/s"),
    "secret-read-only": ("--mount=type=secret,id=s,mode=0666", "! echo x > /run/secrets/s"),
    "ssh-defaults": (
        "--mount=type=ssh",
        f"test $SSH_AUTH_SOCK = /run/buildkit/ssh_agent.0 && test \"$({STAT} $SSH_AUTH_SOCK)\" = '600 0 0'",
    ),
    "ssh-target": (
        "--mount=type=ssh,target=/s,mode=0666,uid=7,gid=8",
        f"test $SSH_AUTH_SOCK = /s && test \"$({STAT} /s)\" = '666 7 8'",
    ),
    "ssh-two": (
        "--mount=type=ssh --mount=type=ssh,id=default",
        "test -S /run/buildkit/ssh_agent.1 && test $SSH_AUTH_SOCK = /run/buildkit/ssh_agent.0",
    ),
    "ssh-missing": (
        "--mount=type=ssh,id=none",
        "test $SSH_AUTH_SOCK = /run/buildkit/ssh_agent.0 && ! test -e $SSH_AUTH_SOCK",
    ),
    "network-none": ("--network=none", "test $(ls /sys/class/net | wc -l) = 1"),
    "network-default": ("--network=default", "test $(readlink /proc/self/ns/net) = $HOSTNET"),
    "network-host": ("--network=host", "test $(readlink /proc/self/ns/net) = $HOSTNET"),
    "security-sandbox": ("--security=sandbox", "! mount -t tmpfs none /tmp"),
    "security-insecure": ("--security=insecure", "mount -t tmpfs none /work/t"),
    "host-name": ("", "test $(hostname) = buildkitsandbox && grep -q 'localhost buildkitsandbox' /etc/hosts"),
    "extra-hosts": ("", "grep -q '^1.2.3.4.extra$' /etc/hosts"),
    "resolv-conf": ("", "test -f /etc/resolv.conf && ! touch /etc/resolv.conf"),
    "shm": ("", "test $(df -k /dev/shm | tail -n 1 | awk '{print $2}') = 2048"),
    "ulimit": ("", "test $(ulimit -Sn) = 123 && test $(ulimit -Hn) = 456"),
    "mqueue": ("", "grep -q ' /dev/mqueue mqueue' /proc/mounts"),
    "umask": ("", "test $(umask) = 0022"),
    "home": ("", "test $HOME = /root"),
}
KEYS = {
    "network-host": {"entitlements": ["network.host"]},
    "security-insecure": {"entitlements": ["security.insecure"]},
    "extra-hosts": {"extra-hosts": {"Extra": "1.2.3.4"}},
    "shm": {"shm-size": "2m"},
    "ulimit": {"ulimits": ["nofile=123:456"]},
}
BASE = """FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY <<E /etc/passwd
root:x:0:0::/root:/bin/sh
E
RUN mkdir -p /tmp /root
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    project = Project(tmp_path_factory.mktemp("mounts"))
    project.add_busybox()
    project.write("src/file", "file")
    project.write("src/dir/inner", "inner")
    project.write("src/ignored", "x")
    project.write("src/.dockerignore", "ignored")
    project.write("other/elsewhere", "other")
    project.write("secret.txt", "hush")
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(project.root / "agent.sock"))
        agent.listen()
        yield project


def row(project: Project, name: str, flags: str, command: str, keys: Mapping[str, Any]) -> str:
    """Writes the Dockerfile of a target; its table."""
    text = "FROM base AS stage\nRUN echo stage > /made; mkdir /seed; echo seed > /seed/f\nFROM base\nARG DIR=dir\n"
    text += f"WORKDIR /work/t\nWORKDIR /work\nARG HOSTNET\nENV ROW={name}\nRUN {flags} set -e; {command}\n"
    project.write(f"{name}.Dockerfile", text)
    all_keys = {
        "context": "src", "dockerfile": f"../{name}.Dockerfile", "contexts": {"base": "target:base", "other": "other"},
        "args": {"HOSTNET": os.readlink("/proc/self/ns/net")},
        "secret": [{"id": "s", "src": "secret.txt"}, {"id": "none", "src": "none", "required": False}],
        "ssh": [{"id": "default", "paths": ["agent.sock"]}], **keys,
    }  # fmt: skip
    return f"[target.{name}]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in all_keys.items())


def run(project: Project, rows: str, *names: str) -> Any:
    project.write("bake.toml", f"[target.base]\ndockerfile-inline = '''\n{BASE}'''\n{rows}")
    options = replace(project.options(*names), keep_going=True)
    return anyio.run(build, options, lambda _event: None)


@pytest.fixture(scope="module")
def built(project: Project) -> Mapping[str, str]:
    """Each row's status; all are built in one run."""
    rows = "".join(row(project, name, *given, KEYS.get(name, {})) for name, given in GOOD.items())
    result = run(project, rows, *GOOD)
    return {name: target.status for name, target in result.report.targets.items()}


@pytest.mark.parametrize("name", GOOD)
def test_from_inside(built: Mapping[str, str], name: str) -> None:
    assert built[name] == "built"


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ("--network=host", "not-entitled"),
        ("--security=insecure", "not-entitled"),
        ("--network=other", "bad-network"),
        ("--security=other", "bad-security"),
        ("--device=vendor.com/gpu=all", "no-device"),
        ("--device=name=vendor.com/gpu,required", "no-device"),
        ("--mount=type=secret,id=gone,required", "missing-secret"),
        ("--mount=type=ssh,id=gone,required", "missing-ssh"),
        ("--mount=target=/m,source=gone", "missing-source"),
        ("--mount=target=/", "bad-mount"),
        ("--mount=type=other,target=/m", "bad-mount"),
        ("--mount=type=tmpfs,target=/m,mode=0700", "bad-mount"),
        ("--mount=type=cache,target=/m,sharing=some", "bad-mount"),
        ("--mount=type=ssh,source=x", "bad-mount"),
        ("--mount=type=secret,from=x,id=s", "bad-mount"),
    ],
)
def test_what_is_refused_with_its_place(project: Project, flags: str, code: str) -> None:
    rows = row(project, "bad", flags, "true", {})
    try:
        errors = run(project, rows, "bad").errors
    except InputError as error:
        errors = (error,)
    (diagnostic,) = [diagnostic for error in errors for diagnostic in error.diagnostics]
    assert diagnostic.code == code
    assert diagnostic.span is not None
    assert diagnostic.span.source.text.splitlines()[diagnostic.span.line - 1].startswith("RUN --")
