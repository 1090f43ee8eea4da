"""A cache between machines that share nothing but a registry: two stores, two checkouts, a real docker-registry."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from cache_machines import DOCKERFILE, machine, ran, registry_cache, told
from faulty_proxy import FaultyProxy, faulty_proxy
from registry_server import RegistryServer

from bake.app.explaining import explain
from bake.render.explain import explanation_text


@pytest.fixture
def proxy(server: RegistryServer) -> Iterator[FaultyProxy]:
    """An empty registry, as seen through a proxy that counts."""
    shutil.rmtree(server.storage, ignore_errors=True)
    with faulty_proxy(server.host) as running:
        yield running


def blobs_read(proxy: FaultyProxy, repository: str) -> int:
    return len({request.path for request in proxy.requests("GET", f"/v2/{repository}/blobs/")})


def test_another_machine_hits_everything_and_downloads_nothing(tmp_path: Path, proxy: FaultyProxy) -> None:
    defaults = registry_cache(proxy.host)
    first = machine(tmp_path / "a", defaults, proxy.host).build("app", push=True)
    assert (first.errors, told(first)) == ((), ["no-cache-yet"])
    other = machine(tmp_path / "b", defaults, proxy.host)
    proxy.seen.clear()
    second = other.build("app", push=True)
    assert (second.errors, told(second)) == ((), [])
    assert {step.status for step in second.report.steps} == {"cached"}
    assert second.report.targets["app"].digest == first.report.targets["app"].digest
    assert (blobs_read(proxy, "app"), blobs_read(proxy, "cache")) == (0, 1)
    assert proxy.requests("PUT|POST|PATCH") == []
    assert second.report.transfers.pushed_bytes == 0
    assert 0 < second.report.transfers.pulled_bytes < 4096


def test_a_machine_that_has_everything_asks_no_cache(tmp_path: Path, proxy: FaultyProxy) -> None:
    made = machine(tmp_path / "a", registry_cache(proxy.host))
    assert made.build("app").errors == ()
    made.write("bake.toml", (made.root / "bake.toml").read_text().replace("cache-to", "# cache-to"))
    proxy.seen.clear()
    assert ran(made.build("app")) == {}
    assert proxy.seen == []


def test_a_new_tag_is_published_from_another_machine_without_its_layers(tmp_path: Path, proxy: FaultyProxy) -> None:
    """The blobs are in the registry already: in this repository, or mounted from another."""
    first = machine(tmp_path / "a", registry_cache(proxy.host), proxy.host).build("app", push=True)
    other = machine(tmp_path / "b", registry_cache(proxy.host), proxy.host)
    other.write("bake.toml", (other.root / "bake.toml").read_text().replace("/app:1", "/elsewhere:2"))
    second = other.build("app", push=True)
    assert second.errors == ()
    assert second.report.targets["app"].digest == first.report.targets["app"].digest
    # Its layers are mounted from `app`; the config, which bake made itself, is the only thing sent.
    assert (second.report.transfers.blobs_mounted, second.report.transfers.blobs_pushed) == (4, 1)
    assert blobs_read(proxy, "app") == 0


def test_only_what_a_step_needs_is_fetched(tmp_path: Path, proxy: FaultyProxy) -> None:
    defaults = registry_cache(proxy.host)
    assert machine(tmp_path / "a", defaults, proxy.host).build("app", push=True).errors == ()
    other = machine(tmp_path / "b", defaults, proxy.host)
    other.write("config", "another")
    result = other.build("app", push=True)
    assert result.errors == ()
    # COPY --from selects the same, but stands on another parent; the stage `build` is not needed but for /made.
    assert ran(result) == {
        "COPY config /config": "file",
        "COPY --from=build /made /made": "parent",
        "RUN cat /config /made > /all": "parent",
    }
    (why,) = [s.why for s in result.report.steps if s.instruction == "COPY config /config"]
    assert why is not None and why.detail == "config changed"  # told by the cache: this machine never built it


def test_a_change_far_up_leaves_what_comes_to_the_same(tmp_path: Path, proxy: FaultyProxy) -> None:
    defaults = registry_cache(proxy.host)
    assert machine(tmp_path / "a", defaults).build("app").errors == ()
    other = machine(tmp_path / "b", defaults)
    other.write("source", "SOURCE")  # which `tr` turns into the same
    result = other.build("app")
    assert list(ran(result)) == ["COPY source /source", DOCKERFILE.splitlines()[5]]


def test_mode_min_knows_the_other_steps_by_name(tmp_path: Path, proxy: FaultyProxy) -> None:
    defaults = registry_cache(proxy.host, "min")
    first = machine(tmp_path / "a", defaults, proxy.host).build("app", push=True)
    other = machine(tmp_path / "b", defaults, proxy.host)
    second = other.build("app", push=True)
    assert (ran(second), second.report.targets["app"].digest) == ({}, first.report.targets["app"].digest)
    third = machine(tmp_path / "c", defaults, proxy.host)
    third.write("config", "another")
    result = third.build("app", push=True)
    # COPY --from needs files that nobody kept: the steps that made them run again, and nothing fails.
    assert result.errors == ()
    assert ran(result)["COPY source /source"] == "evicted"
    assert "COPY busybox /bin/sh" not in ran(result)  # a layer of the image, in its repository


def test_what_was_deleted_in_the_registry_is_made_again(
    tmp_path: Path, proxy: FaultyProxy, server: RegistryServer
) -> None:
    defaults = registry_cache(proxy.host)
    assert machine(tmp_path / "a", defaults, proxy.host).build("app", push=True).errors == ()
    for repository in ("app", "cache"):
        links = server.storage / f"docker/registry/v2/repositories/{repository}/_layers/sha256"
        for link in links.iterdir():
            blob = server.blob_root / link.name[:2] / link.name / "data"
            if blob.is_file() and blob.read_bytes()[:2] == b"\x1f\x8b":
                shutil.rmtree(link)
    other = machine(tmp_path / "b", defaults, proxy.host)
    other.write("config", "another")
    result = other.build("app", push=True)
    assert result.errors == ()
    assert "cache-evicted" in told(result)
    assert ran(result)["COPY busybox /bin/sh"] == "evicted"
    third = machine(tmp_path / "c", defaults, proxy.host)
    third.write("config", "a third")
    again = third.build("app", push=True)  # the cache was corrected
    assert again.errors == ()
    assert "cache-evicted" not in told(again)


def test_an_image_whose_layers_are_gone_is_published_all_the_same(
    tmp_path: Path, proxy: FaultyProxy, server: RegistryServer
) -> None:
    """All steps are hits, and only pushing finds out that nobody has their layers."""
    defaults = registry_cache(proxy.host)
    assert machine(tmp_path / "a", defaults, proxy.host).build("app", push=True).errors == ()
    shutil.rmtree(server.storage / "docker/registry/v2/repositories/app")
    other = machine(tmp_path / "b", defaults, proxy.host)
    result = other.build("app", push=True)
    assert result.errors == ()
    assert result.report.targets["app"].published
    assert "cache-evicted" in told(result)
    assert set(ran(result).values()) == {"evicted"}


def test_explain_names_the_cache(tmp_path: Path, proxy: FaultyProxy) -> None:
    defaults = registry_cache(proxy.host)
    machine(tmp_path / "a", defaults).build("app")
    other = machine(tmp_path / "b", defaults)
    other.build("app")
    (explanation,) = explain(other.options(), ["app"])
    assert {hit.origin for hit in explanation.hits.values()} == {f"{proxy.host}/cache:main"}
    assert len(explanation.hits) == 6
    text = explanation_text([explanation], 200)
    assert text.count(f"from {proxy.host}/cache:main, made ") == 6


def test_plan_knows_the_cache(tmp_path: Path, proxy: FaultyProxy) -> None:
    defaults = registry_cache(proxy.host)
    machine(tmp_path / "a", defaults).build("app")
    other = machine(tmp_path / "b", defaults)
    other.write("config", "another")
    planned = {step.instruction: step.status for step in other.plan("app")}
    assert planned["COPY source /source"] == "cached"
    assert planned["COPY config /config"] == "run"


def test_linked_copies_and_tests_come_from_the_cache(tmp_path: Path, proxy: FaultyProxy) -> None:
    text = DOCKERFILE.replace("COPY config", "COPY --link config").replace("COPY --from", "COPY --link --from")
    defaults = registry_cache(proxy.host).rstrip() + '\ntest = [["/bin/sh", "-c", "test -s /all"]]\n'
    first = machine(tmp_path / "a", defaults, proxy.host, text).build("app", push=True)
    assert first.errors == ()
    second = machine(tmp_path / "b", defaults, proxy.host, text).build("app", push=True)
    assert (second.errors, ran(second)) == ((), {})
    assert second.report.targets["app"].digest == first.report.targets["app"].digest


def test_a_step_that_runs_in_the_middle_of_a_cached_image(tmp_path: Path, proxy: FaultyProxy) -> None:
    """The new step stands on layers that are downloaded, and its image is made of old and new layers."""
    defaults = registry_cache(proxy.host)
    assert machine(tmp_path / "a", defaults, proxy.host).build("app", push=True).errors == ()
    text = DOCKERFILE + "RUN cp -p /all /more && rm /config && ln /more /again\n"
    other = machine(tmp_path / "b", defaults, proxy.host, text)
    result = other.build("app", push=True)
    assert result.errors == ()
    assert list(ran(result)) == ["RUN cp -p /all /more && rm /config && ln /more /again"]
    third = machine(tmp_path / "c", defaults, proxy.host, text + "RUN test ! -e /config && cat /again\n")
    assert len(ran(third.build("app", push=True))) == 1


def test_the_store_is_sound_with_layers_that_are_elsewhere(tmp_path: Path, proxy: FaultyProxy) -> None:
    from bake.store import open_store

    defaults = registry_cache(proxy.host, "min")
    machine(tmp_path / "a", defaults, proxy.host).build("app", push=True)
    other = machine(tmp_path / "b", defaults, proxy.host)
    other.build("app")
    store = open_store(other.store)
    assert store.verify(deep=True) == []
    store.close()


def test_a_cache_out_of_reach_costs_a_warning(tmp_path: Path) -> None:
    defaults = registry_cache("127.0.0.1:9")
    result = machine(tmp_path / "a", defaults).build("app")
    assert (result.errors, result.report.exit_code) == ((), 0)
    assert told(result).count("cache-unreadable") == 1 and told(result).count("cache-not-written") == 1


def test_ignore_error_false_fails_the_run(tmp_path: Path, proxy: FaultyProxy) -> None:
    proxy.add(method="POST|PUT", path="/v2/cache/", status=403, times=1000)
    strict = machine(tmp_path / "a", registry_cache(proxy.host, more=", ignore-error = false")).build("app")
    assert (strict.report.exit_code, strict.report.outcome) == (3, "failed")
    lenient = machine(tmp_path / "b", registry_cache(proxy.host)).build("app")
    assert (lenient.report.exit_code, "cache-not-written" in told(lenient)) == (0, True)


@pytest.mark.parametrize("part", ["manifests/main", "blobs/"])
def test_a_damaged_cache_costs_a_warning_and_is_written_anew(tmp_path: Path, proxy: FaultyProxy, part: str) -> None:
    defaults = registry_cache(proxy.host)
    assert machine(tmp_path / "a", defaults).build("app").errors == ()
    proxy.add(method="GET", path=f"/v2/cache/{part}", corrupt=True, times=12)
    result = machine(tmp_path / "b", defaults).build("app")
    assert result.errors == ()
    assert "cache-unreadable" in told(result) or "foreign-cache" in told(result)
    assert {step.status for step in result.report.steps} == {"run"}
    for fault in proxy.faults:
        fault.times = 0
    assert ran(machine(tmp_path / "c", defaults).build("app")) == {}


def test_targets_that_share_a_cache_write_it_once(tmp_path: Path, proxy: FaultyProxy) -> None:
    made = machine(tmp_path / "a", registry_cache(proxy.host))
    text = (made.root / "bake.toml").read_text()
    made.write("bake.toml", text + "\n[target.two]\ndockerfile-inline = '''\nFROM scratch\nCOPY config /two\n'''\n")
    assert made.build("all").errors == ()
    assert len(proxy.requests("PUT", "/v2/cache/manifests/")) == 2  # a note and the artifact
    other = machine(tmp_path / "b", registry_cache(proxy.host))
    other.write("bake.toml", (made.root / "bake.toml").read_text())
    assert ran(other.build("all")) == {}


def test_an_inline_cache_lies_beside_the_image(tmp_path: Path, proxy: FaultyProxy) -> None:
    defaults = f'[defaults]\ncache-to = [{{ type = "inline" }}]\ncache-from = ["{proxy.host}/app:1"]\n'
    first = machine(tmp_path / "a", defaults, proxy.host).build("app", push=True)
    assert first.errors == ()
    second = machine(tmp_path / "b", defaults, proxy.host).build("app", push=True)
    assert (second.errors, told(second), ran(second)) == ((), [], {})
    assert second.report.targets["app"].digest == first.report.targets["app"].digest


def test_several_writers_at_once_lose_nothing(tmp_path: Path, proxy: FaultyProxy) -> None:
    """Four builds of different targets at the same time, each of which reads the cache before any has written."""
    defaults = registry_cache(proxy.host)
    texts = [DOCKERFILE.replace("/all", f"/all-{number}") for number in range(4)]
    made = [machine(tmp_path / str(n), defaults, "", text) for n, text in enumerate(texts)]

    async def at_once() -> None:
        from bake.app.building import build

        async with anyio.create_task_group() as group:
            for project in made:
                group.start_soon(build, project.options("app"), project.events.append)

    anyio.run(at_once)
    for number, text in enumerate(texts):
        result = machine(tmp_path / f"other-{number}", defaults, "", text).build("app")
        assert (result.errors, ran(result)) == ((), {}), number


def test_several_caches_are_read_and_one_out_of_reach_is_done_without(tmp_path: Path, proxy: FaultyProxy) -> None:
    """Each knows a part: the first two steps from one, the others from another."""
    text = DOCKERFILE.split("FROM base\nCOPY config")[0]
    one = registry_cache(proxy.host).replace("cache:main", "cache:one")
    assert machine(tmp_path / "a", one, dockerfile=text).build("app").errors == ()
    two = registry_cache(proxy.host).replace("cache:main", "cache:two")
    assert machine(tmp_path / "b", two).build("app").errors == ()
    rows = ", ".join(f'"{host}"' for host in ("127.0.0.1:9/x:y", f"{proxy.host}/cache:one", f"{proxy.host}/cache:two"))
    other = machine(tmp_path / "c", f"[defaults]\ncache-from = [{rows}]\n")
    result = other.build("app")
    assert (result.errors, told(result), ran(result)) == ((), ["cache-unreadable"], {})
    (explanation,) = explain(other.options(), ["app"])
    origins = {hit.origin.rpartition(":")[2] for hit in explanation.hits.values()}
    assert origins == {"one", "two"}


def test_a_cache_for_all_targets_from_the_command_line(tmp_path: Path, proxy: FaultyProxy) -> None:
    made = machine(tmp_path / "a", "")
    text = (made.root / "bake.toml").read_text()
    made.write("bake.toml", text + "\n[target.two]\ndockerfile-inline = '''\nFROM scratch\nCOPY config /two\n'''\n")
    sets = tuple(f"*.cache-{way}=type=registry,ref={proxy.host}/cache:main" for way in ("to", "from"))
    assert made.build("all", sets=sets).errors == ()
    other = machine(tmp_path / "b", "")
    other.write("bake.toml", (made.root / "bake.toml").read_text())
    assert ran(other.build("all", sets=sets)) == {}
