"""The runtime's configuration as a value, and what goes into it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bake.ports.sandbox import Bind, Execution, Tmpfs
from bake.sandbox.capabilities import DEFAULT, names_of
from bake.sandbox.config import Rights, runtime_config
from bake.sandbox.ids import IdMap, parse
from bake.sandbox.ulimits import UNLIMITED, parse_ulimit
from bake.sandbox.users import Identity

ROOT = parse("0 0 4294967295\n", "0 0 4294967295\n", "allow\n")
SUBORDINATE = parse("0 1001 1\n1 100000 65535\n", "0 1001 1\n1 100000 65535\n", "allow\n")
SINGLE = parse("         0       1001          1\n", "0 1001 1\n", "deny\n")
BOB = Identity(1001, 1002, (1002, 1003), "/home/bob")
ADMIN = Identity(0, 0, (0,), "/root")
PLAIN = Execution(("true",), (("A", "b"),), "/", "", "host", False, "h", (), 64 << 20, (), False)


def config(execution: Execution = PLAIN, who: Identity = ADMIN, ids: IdMap = ROOT, mknod: bool = True) -> Any:
    return runtime_config("/the/root", execution, who, Rights(ids, ("CAP_MKNOD", "CAP_SYS_ADMIN"), mknod))


def mounts(given: Any) -> dict[str, Any]:
    return {row["destination"]: row for row in given["mounts"]}


def test_id_maps() -> None:
    assert (ROOT.rootless, ROOT.single, ROOT.has_uid(2**31)) == (False, False, True)
    assert (SUBORDINATE.rootless, SUBORDINATE.single) == (True, False)
    assert (SUBORDINATE.has_gid(65535), SUBORDINATE.has_gid(65536)) == (True, False)
    assert (SINGLE.rootless, SINGLE.single, SINGLE.setgroups, SINGLE.has_uid(1)) == (True, True, False, False)


def test_the_mask_of_the_default_capabilities() -> None:
    assert set(names_of(0xA80425FB)) == set(DEFAULT)
    assert len(names_of(2**64 - 1)) == 41


def test_process() -> None:
    process = config(replace(PLAIN, ulimits=("nofile=1:2",), terminal=True), BOB)["process"]
    assert process["user"] == {"uid": 1001, "gid": 1002, "umask": 18, "additionalGids": [1002, 1003]}
    assert (process["args"], process["env"], process["terminal"]) == (["true"], ["A=b"], True)
    assert process["rlimits"] == [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}]
    assert process["noNewPrivileges"] is False


def test_capabilities_by_user() -> None:
    assert config()["process"]["capabilities"]["effective"] == list(DEFAULT)
    bobs = config(who=BOB)["process"]["capabilities"]
    assert (bobs["bounding"], bobs["effective"], bobs["permitted"]) == (list(DEFAULT), [], [])
    assert "CAP_MKNOD" not in config(mknod=False)["process"]["capabilities"]["bounding"]


def test_namespaces() -> None:
    kinds = lambda given: {row["type"] for row in given["linux"]["namespaces"]}  # noqa: E731
    assert kinds(config()) == {"pid", "ipc", "uts", "mount"}
    assert kinds(config(replace(PLAIN, network="none"))) == {"pid", "ipc", "uts", "mount", "network"}


@pytest.mark.parametrize(
    ("ids", "network", "kind"),
    [(ROOT, "host", "sysfs"), (ROOT, "none", "sysfs"), (SUBORDINATE, "host", "bind"), (SUBORDINATE, "none", "sysfs")],
)
def test_sysfs_belongs_to_the_network(ids: IdMap, network: str, kind: str) -> None:
    found = mounts(config(replace(PLAIN, network=network), ids=ids))
    assert found["/sys"]["type"] == kind
    assert ("/sys/fs/cgroup" in found) == (kind == "bind")


def test_terminals_belong_to_a_group_that_exists() -> None:
    assert "gid=5" in mounts(config())["/dev/pts"]["options"]
    assert "gid=5" not in mounts(config(ids=SINGLE))["/dev/pts"]["options"]


def test_one_id_gets_no_groups_and_answers_for_owners() -> None:
    found = config(ids=SINGLE)
    assert "additionalGids" not in found["process"]["user"]
    answered = [rule for rule in found["linux"]["seccomp"]["syscalls"] if rule["errnoRet"] == 0]
    assert "fchownat" in answered[0]["names"] and "setgroups" in answered[0]["names"]
    assert not [rule for rule in config()["linux"]["seccomp"]["syscalls"] if rule["errnoRet"] == 0]


def test_mounts_keep_their_order() -> None:
    given = (Tmpfs("/t", 0, 0o1777), Bind("/src", "/t/x", True), Bind("/src", "/y", False))
    found = config(replace(PLAIN, mounts=given))["mounts"][-3:]
    assert [row["destination"] for row in found] == ["/t", "/t/x", "/y"]
    assert found[0]["options"] == ["nosuid", "nodev", "mode=1777"]
    assert (found[1]["options"], found[2]["options"]) == (["bind", "ro"], ["bind", "rw"])
    assert "size=7" in config(replace(PLAIN, mounts=(Tmpfs("/t", 7, 0o700),)))["mounts"][-1]["options"]


def test_insecure() -> None:
    found = config(replace(PLAIN, insecure=True))
    assert found["process"]["capabilities"]["effective"] == ["CAP_MKNOD", "CAP_SYS_ADMIN"]
    assert not {"seccomp", "maskedPaths", "readonlyPaths"} & set(found["linux"])
    assert "rw" in mounts(found)["/sys"]["options"]


@pytest.mark.parametrize(
    ("text", "soft", "hard"),
    [("nofile=1", 1, 1), ("nofile=1:2", 1, 2), ("core=-1", UNLIMITED, UNLIMITED), ("cpu=5:unlimited", 5, UNLIMITED)],
)
def test_ulimits(text: str, soft: int, hard: int) -> None:
    assert parse_ulimit(text) == (text.partition("=")[0], soft, hard)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("files=1", "unknown ulimit 'files'"),
        ("nofile", "is not name=soft"),
        ("nofile=", "is not name=soft"),
        ("nofile=a:b", "is not name=soft"),
        ("nofile=-2", "is not name=soft"),
        ("nofile=3:2", "soft limit is above"),
    ],
)
def test_wrong_ulimits(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_ulimit(text)
