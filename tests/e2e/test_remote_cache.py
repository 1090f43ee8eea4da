"""The whole walkthrough on a machine with an empty store: all hits, nothing downloaded but a catalog (issue 6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from faulty_proxy import faulty_proxy
from registry_server import registry

Built = Any


def test_a_fresh_machine_publishes_everything_without_its_layers(built: Built, tmp_path: Path) -> None:
    """The cache is in a registry of its own; it says in which repositories of the other one the layers are."""
    with registry(tmp_path / "registry") as server, faulty_proxy(server.host) as proxy:
        sets = [f"--set=*.cache-to=type=registry,ref={proxy.host}/cache:main,mode=max"]
        sets += [f"--set=*.cache-from=type=registry,ref={proxy.host}/cache:main"]
        first = built.walk.json("build", "all", "--push", "--json", *sets)
        fresh = built.walk.with_(BAKE_STORE=str(tmp_path / "store"))
        proxy.seen.clear()
        proxy.answered = 0
        second = fresh.json("build", "all", "--push", "--json", *sets)
        assert second["diagnostics"] == []
        assert {step["status"] for step in second["steps"]} == {"cached"}
        digests = [{name: t["digest"] for name, t in report["targets"].items()} for report in (first, second)]
        assert digests[0] == digests[1]
        assert second["transfers"]["pushed_bytes"] == second["transfers"]["blobs_pushed"] == 0
        assert second["transfers"]["pulled_bytes"] < 10_000
        assert proxy.answered < 20_000
        assert proxy.requests("POST|PUT|PATCH|DELETE") == []
        assert not list((tmp_path / "store/layers").iterdir())
        steps = fresh.json("explain", "--json")["runs"][0]["steps"]
        assert len(steps) == len(second["steps"]) and {step["hit"]["origin"] for step in steps} == {
            f"{proxy.host}/cache:main"
        }
