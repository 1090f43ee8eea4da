"""What every sandbox does for a step, in every tier; what one cannot do is in its reductions and asserted as such."""

from __future__ import annotations

import base64
import os
import platform
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator

import pytest
from sandboxes import SandboxProcess, command, variants

from bake.sandbox.program import executable

# Machine code: exit with the effective uid; an illegal instruction, whose signal even pid 1 dies of.
_CODE = {
    "x86_64": (62, "b86b000000 0f05 89c7 b83c000000 0f05", "0f0b"),
    "aarch64": (183, "c81580d2 010000d4 a80b80d2 010000d4", "00000000"),
}
DEFAULT_CAPABILITIES = "00000000a80425fb"
WITHOUT_MKNOD = "00000000a00425fb"


@pytest.fixture(scope="module", params=variants(), ids="-".join)
def box(request: pytest.FixtureRequest) -> Iterator[SandboxProcess]:
    process = SandboxProcess(*request.param)
    yield process
    process.close()


def program(which: int) -> str:
    machine, *codes = _CODE[platform.machine()]
    return "base64:" + base64.b64encode(executable(int(machine), bytes.fromhex(str(codes[which])))).decode()


def test_it_is_the_one_asked_for(box: SandboxProcess) -> None:
    assert box.name in ("crun", "runc", "bubblewrap")


# How it ends


@pytest.mark.parametrize("code", [0, 3, 255])
def test_exit_codes(box: SandboxProcess, code: int) -> None:
    ran = box.sh(f"exit {code}")
    assert (ran.code, ran.scratch, ran.left) == (code, (), ())


def test_a_signal_is_128_and_its_number(box: SandboxProcess) -> None:
    assert box.run("/crash", files={"crash": [program(1), 0o755]}).code == 128 + 4
    assert box.sh("sh -c 'kill -TERM $$'; exit $?").code == 128 + 15


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nosuch", 'exec: "nosuch": executable file not found in $PATH'),
        ("/bin/nosuch", 'exec: "/bin/nosuch": no such file'),
        ("/plain", 'exec: "/plain": permission denied'),
        ("/etc", 'exec: "/etc": permission denied'),
    ],
)
def test_a_program_that_cannot_start(box: SandboxProcess, name: str, says: str) -> None:
    ran = box.run(name, files={"plain": ["text", 0o644]})
    assert (ran.code, ran.out, ran.scratch, ran.left) == (None, b"", (), ())
    assert ran.refused.startswith(says)
    if box.name != "bubblewrap":
        assert ran.err == b"", "the runtime's own words are in the error"


@pytest.mark.parametrize("text", ["garbage", "#!/bin/missing\n"])
def test_a_program_that_cannot_be_executed_fails(box: SandboxProcess, text: str) -> None:
    ran = box.run("/odd", files={"odd": [text, 0o755]})
    assert ran.refused or ran.code not in (0, None)


def test_a_daemon_is_gone_after_the_step(box: SandboxProcess) -> None:
    ran = box.sh("(setsid sh -c 'sleep 1000 & sleep 1000 &' </dev/null >/dev/null 2>&1 &) ; echo done")
    assert (ran.code, ran.text, ran.left) == (0, "done\n", ())


def test_a_background_child_that_holds_the_pipe_does_not_hang_the_run(box: SandboxProcess) -> None:
    ran = box.sh("sleep 1000 & echo bye")
    assert (ran.code, ran.text, ran.left) == (0, "bye\n", ())


def test_cancelling_kills_everything(box: SandboxProcess) -> None:
    script = "trap '' TERM INT HUP; setsid sleep 1000 & echo ready; while :; do sleep 1000; done"
    ran = box.sh(script, cancel_at="ready")
    assert (ran.cancelled, ran.left, ran.scratch) == (True, (), ())


def test_cancelling_at_once(box: SandboxProcess) -> None:
    ran = box.sh("sleep 1000", cancel_at="")
    assert (ran.cancelled, ran.left, ran.scratch) == (True, (), ())


@pytest.mark.parametrize(("tier", "name"), [row for row in variants() if row[0] != "single"])
def test_nothing_survives_the_death_of_bake(tier: str, name: str) -> None:
    marker = f"sleep 10{random.randrange(10**9)}"
    process = SandboxProcess(tier, name)
    process.start(f"trap '' TERM; setsid {marker} & {marker}")
    assert until(lambda: running(marker) == 2)
    process.kill()
    assert until(lambda: running(marker) == 0)


def running(marker: str) -> int:
    said = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True).stdout
    return said.splitlines().count(marker)


def until(holds: Callable[[], bool]) -> bool:
    """Waits for it, half a minute at most."""
    return any(holds() or time.sleep(0.02) for _ in range(1500))


# Output and input


def test_streams_are_apart_and_stdin_is_empty(box: SandboxProcess) -> None:
    ran = box.sh("cat; echo out; echo err >&2")
    assert (ran.out, ran.err) == (b"out\n", b"err\n")


def test_a_long_line(box: SandboxProcess) -> None:
    ran = box.sh("head -c 102400 /dev/zero | tr '\\0' x")
    assert ran.out == b"x" * 102400


def test_binary_output(box: SandboxProcess) -> None:
    data = bytes(range(256)) * 64
    ran = box.run("/bin/cat", "/data", files={"data": ["base64:" + base64.b64encode(data).decode(), 0o644]})
    assert ran.out == data


def test_much_output(box: SandboxProcess) -> None:
    assert len(box.sh("head -c 2000000 /dev/zero").out) == 2000000


# Environment, directory, user


def test_the_environment_is_exactly_what_is_given_and_home(box: SandboxProcess) -> None:
    ran = box.run("/bin/env", env=[["PATH", "/bin"], ["A", "b c\nd"], ["EMPTY", ""]])
    assert "A=b c\nd\n" in ran.text and "EMPTY=\n" in ran.text and "HOME=/root\n" in ran.text
    assert {line.partition("=")[0] for line in ran.lines} - {"PWD"} == {"PATH", "A", "d", "EMPTY", "HOME"}
    assert box.run("/bin/env", env=[["PATH", "/bin"], ["HOME", "/x"]]).lines.count("HOME=/x") == 1


def test_a_long_environment(box: SandboxProcess) -> None:
    ran = box.sh("echo ${#LONG}", env=[["PATH", "/bin"], ["LONG", "x" * 100_000]])
    assert ran.text == "100000\n"


def test_a_missing_directory_is_made(box: SandboxProcess) -> None:
    ran = box.sh("pwd", cwd="/a/b c/d", read=["a/b c/d", "a"])
    assert ran.text == "/a/b c/d\n"
    made = {"owner": [0, 0], "mode": "0o755", "text": ""}
    assert ran.changed == {"a": made, "a/b c/d": made}


def test_a_missing_directory_belongs_to_the_user(box: SandboxProcess) -> None:
    ran = box.sh("touch x", cwd="/work/bob", user="bob", read=["work/bob/x"])
    if "users" in box.reductions:
        assert "bubblewrap cannot run as user bob" in ran.refused
    else:
        owner = [0, 0] if {"owners", "one-id"} & set(box.reductions) else [1001, 1002]
        assert (ran.code, ran.changed["work/bob/x"]["owner"]) == (0, owner), ran.err


@pytest.mark.parametrize(
    ("user", "ids"),
    [
        ("", "0 0 0 /root"),
        ("root", "0 0 0 /root"),
        ("0:5", "0 5 5 /root"),
        ("bob", "1001 1002 1002 1003 /home/bob"),
        ("1001", "1001 1002 1002 1003 /home/bob"),
        ("bob:team", "1001 1003 1003 /home/bob"),
        ("4242", "4242 0 0 /"),
        ("4242:4243", "4242 4243 4243 /"),
    ],
)
def test_users(box: SandboxProcess, user: str, ids: str) -> None:
    ran = box.sh("echo $(id -u) $(id -g) $(id -G) $HOME", user=user)
    uid, *_, home = ids.split()
    if "users" in box.reductions and uid != "0":
        assert "bubblewrap cannot run as user" in ran.refused
    elif "owners" in box.reductions or "one-id" in box.reductions:
        assert ran.lines[0].split()[:2] == ["0", "0"]
        assert ran.lines[0].endswith(f" {home}")
    else:
        assert ran.text == f"{ids}\n"


@pytest.mark.parametrize(("user", "what"), [("alice", "user alice"), ("bob:nogroup", "group nogroup")])
def test_an_unknown_user(box: SandboxProcess, user: str, what: str) -> None:
    assert box.sh("true", user=user).refused.startswith(f"unable to find {what}: no matching entries")


def test_passwd_is_the_images_even_by_a_link(box: SandboxProcess) -> None:
    """A link that leads out of the root leads to the root's own file instead."""
    ran = box.sh("true", user="bob", files={"etc/passwd": ["-> ../../../../../../elsewhere", 0]})
    assert ran.refused == "unable to find user bob: no matching entries in passwd file"


# Rights


def test_capabilities(box: SandboxProcess) -> None:
    ran = box.sh("cat /proc/self/status")
    found = dict(line.split(":\t") for line in ran.lines if ":\t" in line)
    mask = WITHOUT_MKNOD if "devices" in box.reductions else DEFAULT_CAPABILITIES
    assert (found["CapPrm"], found["CapEff"]) == (mask, mask)
    assert (found["CapBnd"] == mask) == ("bounding-set" not in box.reductions)
    assert found["NoNewPrivs"] == ("1" if "setuid" in box.reductions else "0")
    assert found["Seccomp"] == ("0" if "seccomp" in box.reductions else "2")


def test_other_users_hold_no_capabilities_but_may_gain_them(box: SandboxProcess) -> None:
    if {"users", "owners", "one-id"} & set(box.reductions):
        return  # nobody else can be; test_users asserts that
    ran = box.sh("cat /proc/self/status", user="bob")
    found = dict(line.split(":\t") for line in ran.lines if ":\t" in line)
    assert (found["CapEff"], found["CapPrm"]) == ("0" * 16, "0" * 16)
    assert found["CapBnd"] == (WITHOUT_MKNOD if "devices" in box.reductions else DEFAULT_CAPABILITIES)
    assert box.run("/who", user="bob", files={"who": [program(0), 0o4755]}).code == 0
    assert box.run("/who", user="bob", files={"who": [program(0), 0o755]}).code == 1001 % 256


def test_umask(box: SandboxProcess) -> None:
    assert box.sh("umask; touch /new", read=["new"]).changed["new"]["mode"] == "0o644"


def test_devices_of_the_host_are_out_of_reach(box: SandboxProcess) -> None:
    ran = box.sh("mknod /m c 10 229 && test -c /m && exec 3<>/m && echo opened")
    assert "opened" not in ran.text


def test_device_nodes(box: SandboxProcess) -> None:
    made = box.sh("mknod /null c 1 3 && test -c /null").code == 0
    # bubblewrap sets no device filter: as root the node is made, only mounts without devices keep it closed.
    assert made == (box.tier == "root" and "devices" not in box.reductions)


def test_changing_owners(box: SandboxProcess) -> None:
    ran = box.sh("touch /new && chown 1001:1002 /new", read=["new"])
    if "one-id" in box.reductions:
        assert ran.code != 0
    else:
        owner = [0, 0] if "owners" in box.reductions else [1001, 1002]
        assert (ran.code, ran.changed["new"]["owner"]) == (0, owner)


@pytest.mark.parametrize("script", ["mount -t tmpfs none /tmp", "unshare -m true", "unshare -U true", "umount /proc"])
def test_a_step_makes_no_mounts_or_namespaces(box: SandboxProcess, script: str) -> None:
    allowed = "seccomp" in box.reductions and script == "unshare -U true"
    assert allowed or box.sh(script).code != 0


def test_insecure_has_what_the_host_has(box: SandboxProcess) -> None:
    ran = box.sh(
        "cat /proc/self/status; mount -t tmpfs none /tmp && echo mounted; grep /proc/ /proc/mounts", insecure=True
    )
    if "insecure" in box.reductions:
        assert "--security=insecure" in ran.refused
        return
    found = dict(line.split(":\t") for line in ran.lines if ":\t" in line)
    assert int(found["CapEff"], 16) & 1 << 21, "CAP_SYS_ADMIN"
    assert found["Seccomp"] == "0"
    assert "mounted" in ran.lines
    assert not [line for line in ran.lines if " /proc/" in line], "nothing is masked"


def test_ulimits(box: SandboxProcess) -> None:
    ran = box.sh("ulimit -Sn; ulimit -Hn; ulimit -c", ulimits=["nofile=100:200", "core=0"])
    assert ran.text == "100\n200\n0\n", ran.refused


def test_a_wrong_ulimit(box: SandboxProcess) -> None:
    assert "unknown ulimit 'files'" in box.sh("true", ulimits=["files=1"]).refused


# What it sees


def test_hostname(box: SandboxProcess) -> None:
    assert box.sh("hostname", hostname="made-up").text == "made-up\n"


def test_files_are_bound_read_only(box: SandboxProcess) -> None:
    hosts = {"target": "/etc/hosts", "text": "127.0.0.1\tlocalhost\n"}
    resolv = {"target": "/etc/resolv.conf", "text": "nameserver 192.0.2.1\n"}
    secret = {"target": "/run/secrets/key", "text": "s3cret", "mode": 0o400}
    script = "cat /etc/hosts /etc/resolv.conf; stat -c %a /run/secrets/key; echo x > /etc/hosts; rm /etc/resolv.conf"
    ran = box.sh(script, mounts=[hosts, resolv, secret], read=["etc/hosts", "etc/resolv.conf", "run/secrets/key"])
    assert ran.lines == ["127.0.0.1\tlocalhost", "nameserver 192.0.2.1", "400"]
    assert ran.code != 0 and b"Read-only" in ran.err
    assert {entry["text"] for entry in ran.changed.values() if entry} <= {""}, "only empty stubs in the layer"


def test_a_writable_directory_is_bound(box: SandboxProcess) -> None:
    mount = {"target": "/var/cache/x", "directory": True, "readonly": False}
    ran = box.sh("echo kept > /var/cache/x/f && cat /var/cache/x/f", mounts=[mount], read=["var/cache/x/f"])
    assert (ran.text, ran.changed["var/cache/x/f"]) == ("kept\n", None)


def test_mounts_lie_over_each_other_in_order(box: SandboxProcess) -> None:
    memory = {"target": "/m", "size": 1 << 20, "mode": 0o1777}
    ran = box.sh("cat /m/f; stat -c %a /m; df -k /m | tail -1", mounts=[memory, {"target": "/m/f", "text": "inner\n"}])
    assert ran.lines[:2] == ["inner", "1777"]
    assert ran.lines[2].split()[1] == "1024"


def test_a_target_behind_a_link_stays_inside(box: SandboxProcess) -> None:
    files = {"link": ["-> ../../../../../../../outside", 0]}
    ran = box.sh("cat /outside/f", files=files, mounts=[{"target": "/link/f", "text": "in\n"}])
    assert ran.text == "in\n" or ran.refused or ran.code, "either inside, or not at all"
    assert not os.path.exists("/outside")


def test_devices(box: SandboxProcess) -> None:
    script = "cd /dev; for d in null zero full random urandom tty; do test -c $d || echo no $d; done; " \
        "test -e ptmx && test -d pts && test -d mqueue && test -L fd && test -L stdin; echo $?; echo x > null; " \
        "head -c 3 zero | wc -c; echo x > full"  # fmt: skip
    ran = box.sh(script)
    assert ran.lines == ["0", "3"] and b"No space left" in ran.err


def test_no_disk_of_the_host(box: SandboxProcess) -> None:
    assert box.sh("ls /dev | grep -E '^(sd|vd|nvme|kvm|mem|fuse)'").text == ""


def test_shared_memory(box: SandboxProcess) -> None:
    ran = box.sh("df -k /dev/shm | tail -1; stat -c %a /dev/shm; touch /dev/shm/x", shm_size=128 << 20)
    assert ran.lines[0].split()[1] == str(128 << 10)
    assert (ran.lines[1], ran.code) == ("1777", 0)


def test_proc_is_its_own(box: SandboxProcess) -> None:
    assert box.sh("echo $$; ls /proc | grep -c '^[0-9]'").lines[0] == "1"


@pytest.mark.parametrize(
    "path", ["sys/kernel/hostname", "sys/vm/overcommit_memory", "sysrq-trigger", "irq/default_smp_affinity"]
)
def test_settings_of_the_kernel_are_read_only(box: SandboxProcess, path: str) -> None:
    ran = box.sh(f"cat /proc/{path} > /tmp/now; cat /tmp/now > /proc/{path}")
    assert ran.code != 0


def test_masks(box: SandboxProcess) -> None:
    ran = box.sh("head -c 1 /proc/kcore 2>/dev/null | wc -c; cat /proc/keys /proc/timer_list 2>/dev/null | wc -c")
    assert ran.lines == ["0", "0"]
    ran = box.sh("ls /sys/firmware | wc -l")
    assert "masks" in box.reductions or ran.lines == ["0"]


def test_sys_is_read_only_and_shows_no_cgroups(box: SandboxProcess) -> None:
    ran = box.sh("test -d /sys/class/net; echo $?; ls -A /sys/fs/cgroup | wc -l; mkdir /sys/fs/cgroup/x || echo no")
    assert ran.lines == ["0", "0", "no"]


def test_no_network_but_loopback(box: SandboxProcess) -> None:
    ran = box.sh(
        "tail -n +3 /proc/net/dev | cut -d: -f1; ls /sys/class/net; cat /sys/class/net/lo/flags", network="none"
    )
    assert [line.strip() for line in ran.lines[:1]] == ["lo"]
    assert len([line for line in ran.lines if line.startswith("0x")]) == 1
    assert int(ran.lines[-1], 16) & 1, "it is up"
    if "masks" not in box.reductions:
        assert ran.lines[1:-1] == ["lo"]


def test_the_hosts_network(box: SandboxProcess) -> None:
    ours = sorted(os.listdir("/sys/class/net"))
    ran = box.sh("tail -n +3 /proc/net/dev | cut -d: -f1")
    assert sorted(line.strip() for line in ran.lines) == [name for name in ours if name != "bonding_masters"]


def test_nothing_of_the_host_is_seen(box: SandboxProcess) -> None:
    ran = box.sh("ls -A /; cat /proc/mounts")
    assert set(ran.lines[: ran.lines.index("tmp") + 1]) <= {"bin", "dev", "etc", "proc", "root", "sys", "tmp"}
    assert not [line for line in ran.lines if " /old" in line or ".pivot" in line]


# On our own stdio


def _interactive(tier: str, name: str, request: str, **stdio: object) -> subprocess.CompletedProcess[bytes]:
    directory = tempfile.mkdtemp(prefix="bake-sandbox-")
    try:
        return subprocess.run(command(tier, directory, name, request), check=False, timeout=60, **stdio)  # type: ignore[call-overload,no-any-return]
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.parametrize(("tier", "name"), [row for row in variants() if row[0] != "single"])
def test_interactive_on_pipes(tier: str, name: str) -> None:
    request = '{"execution": {"args": ["/bin/sh", "-c", "read x; echo got $x; echo err >&2; exit 5"]}}'
    ran = _interactive(tier, name, request, input=b"line\n", capture_output=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (5, b"got line\n", b"err\n")
