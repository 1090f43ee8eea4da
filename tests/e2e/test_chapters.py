"""The chapters, by what `bake` says of their images and by what runs in them."""

from __future__ import annotations

from typing import Any

import pytest
from walkthrough import CANARY, statuses, step

Built = Any


def config(built: Built, target: str) -> dict[str, Any]:
    """The container config of an image in the store."""
    (platform,) = built.walk.json("inspect", target, "--json")["platforms"].values()
    return dict(platform["config"]["config"])


def output(built: Built, *arguments: str) -> list[str]:
    return list(built.walk.run("run", *arguments).stdout.splitlines())


def test_the_first_build_ran_every_step_once(built: Built) -> None:
    steps = built.report["steps"]
    assert built.report["outcome"] == "ok"
    assert {row["status"] for row in steps} == {"run"}
    assert {row["why"]["kind"] for row in steps} == {"never-built"}
    assert len(statuses(steps)) == len(steps)


def test_the_first_plan_foretold_it(built: Built) -> None:
    """On an empty store the first step of a chain is sure to run, what stands on it waits to see with what content."""
    planned, ran = statuses(built.plan), statuses(built.report["steps"])
    assert planned.keys() == ran.keys()
    assert {"run"} <= set(planned.values()) <= {"run", "unknown"}


def test_bases_are_built_once_for_all_and_not_pulled(built: Built) -> None:
    steps = built.report["steps"]
    unpack = [row for row in steps if row["instruction"].startswith("ADD rootfs.tar")]
    assert len(unpack) == 1
    shared = step(steps, "run", "WORKDIR /app")
    assert set(shared["targets"]) >= {"run", "cache", f"main-{built.python}-0.115", f"main-{built.python}-0.116"}
    assert built.report["transfers"]["pulled_bytes"] == 0


def test_hello(built: Built) -> None:
    assert output(built, "hello") == ["Hello from a container!"]
    assert built.report["targets"]["hello"]["metadata"]["size"] < 3_000_000


def test_copy_add(built: Built) -> None:
    paths = "/srv/index.html /srv/added.html /srv/remote.html /usr/local/bin/greet /home/reader/notes/owner.txt"
    found = output(built, "copy-add", "--", "stat", "-c", "%n %a %u:%g", *paths.split())
    assert found == [
        "/srv/index.html 644 0:0",
        "/srv/added.html 644 0:0",
        "/srv/remote.html 600 0:0",
        "/usr/local/bin/greet 555 0:0",
        "/home/reader/notes/owner.txt 644 1000:1000",
    ]
    served = built.walk.top / "examples/copy-add/served/remote.html"
    assert output(built, "copy-add", "--", "cat", "/srv/remote.html") == served.read_text().splitlines()
    times = output(built, "copy-add", "--", "stat", "-c", "%Y", "/srv/remote.html")
    assert times == [str(int(served.stat().st_mtime))]


def test_env_stays_and_arg_does_not(built: Built) -> None:
    found = config(built, "env-arg")["Env"]
    assert "PAGE=/example.html" in found
    assert not any(entry.startswith("FILE=") for entry in found)
    assert output(built, "env-arg")[0] == "FILE is '', PAGE is '/example.html'"
    assert output(built, "env-arg", "-e", "PAGE=/index.html")[0] == "FILE is '', PAGE is '/index.html'"
    other = output(built, "env-arg", "--set", "env-arg.args.FILE=/index.html")
    assert other == ["FILE is '', PAGE is '/index.html'", "<p>The page that is shown when nobody asks for another.</p>"]


def test_expose(built: Built) -> None:
    assert set(config(built, "expose")["ExposedPorts"]) == {"8890/tcp", "8443/tcp", "8443/udp"}


def test_labels_of_bake_toml_win(built: Built) -> None:
    expected = {
        "org.opencontainers.image.title": "label, says bake.toml",
        "org.opencontainers.image.description": "Labels are notes for people and machines",
        "org.opencontainers.image.version": "0.1",
    }
    assert config(built, "label")["Labels"] == expected
    assert built.report["targets"]["label"]["metadata"]["labels"] == expected


def test_cmd_and_entrypoint(built: Built) -> None:
    assert output(built, "cmd-entrypoint") == ["entrypoint: the default words"]
    assert output(built, "cmd-entrypoint", "--", "other", "words") == ["entrypoint: other words"]
    assert output(built, "--entrypoint", "echo", "main[fastapi=0.115]", "--", "hello") == ["hello"]


def test_multi_stage_leaves_one_small_layer(built: Built) -> None:
    assert output(built, "multi-stage") == ["hello, world"]
    (platform,) = built.walk.json("inspect", "multi-stage", "--json")["platforms"].values()
    assert len(platform["layers"]) == 1
    assert built.report["targets"]["multi-stage"]["metadata"]["size"] < 3_000_000


@pytest.mark.parametrize("status", [0, 3])
def test_the_exit_code_of_run_is_that_of_the_command(built: Built, status: int) -> None:
    built.walk.run("run", "hello", "--", "sh", "-c", f"exit {status}", status=status)


def test_secrets_are_in_no_record_of_the_store(built: Built) -> None:
    """The canary in pip.conf is in no file that bake keeps: layers, records, logs, reports."""
    needle = CANARY.encode()
    for path in built.walk.store.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 30_000_000:
            assert needle not in path.read_bytes(), path
    assert CANARY not in str(built.report)
