"""A target whose text is for another front end: one opaque step, on which others may stand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from compiling import AMD64, Family, image_fact, target

from bake.errors import InputError
from bake.oci.model import History, ImageConfig, RunConfig
from bake.plan.compile import compile_plan
from bake.plan.facts import Facts, ImageQuery
from bake.plan.opaque import Part, completed, front_history, frontend_below
from bake.plan.outcome import Image, Plan
from bake.plan.step import FrontendOp, LocalOp
from bake.spec.target import Target

MINE = "# syntax=me/mine:2 more\nwhatever {\n"
FACTS = Facts(
    texts={"/work/.dockerignore": "*.log\n", "/work/data/.dockerignore": None},
    images={
        ImageQuery("docker.io/me/mine:2", "linux/amd64"): image_fact(ImageConfig()),
        ImageQuery("docker.io/library/x:1", "linux/amd64"): image_fact(ImageConfig()),
    },
    trees={LocalOp("/work", ("*.log",)): {}, LocalOp("/work/data"): {}},
)


def compiled(*targets: Target, facts: Facts = FACTS) -> Plan:
    plan = compile_plan(targets, Family(*targets), facts, AMD64)
    assert isinstance(plan, Plan), plan
    return plan


def only(plan: Plan) -> FrontendOp:
    (op,) = (step.op for step in plan.steps.values() if isinstance(step.op, FrontendOp))
    return op


def test_it_is_one_step_with_what_others_give_a_front_end() -> None:
    app = target(
        "app", MINE, args={"A": "1"}, labels={"l": "2"}, target="end", contexts={"d": "data", "x": "docker-image://x:1"},
        secret=({"id": "token"},), ssh=({},), network="host", extra_hosts={"h": "10.0.0.1"}, no_cache_filter=("a", "b"),
        shm_size=64, ulimits=("nofile=1:2",), pull=True,
    )  # fmt: skip
    plan = compiled(app)
    op = only(plan)
    assert dict(op.options) == {
        "cmdline": "me/mine:2 more", "filename": "Dockerfile", "platform": "linux/amd64", "build-arg:A": "1",
        "label:l": "2", "target": "end", "no-cache": "a,b", "image-resolve-mode": "pull", "force-network-mode": "host",
        "add-hosts": "h=10.0.0.1", "shm-size": "64", "ulimit": "nofile=1:2", "context:d": "local:d",
        "context:x": "docker-image://docker.io/library/x@sha256:" + "0" * 64,
    }  # fmt: skip
    assert (op.reference, op.text, op.secrets, op.ssh) == ("docker.io/me/mine:2", MINE, ("token",), ("default",))
    assert op.entitlements == ("network.host",)
    (step,) = (step for step in plan.steps.values() if step.op is op)
    assert [plan.steps[i].op for i in step.inputs] == [LocalOp("/work", ("*.log",)), LocalOp("/work/data")]
    (origin,) = plan.origins[step.id]
    assert (origin.instruction, str(origin.span)) == ("# syntax=me/mine:2 more", "app:dockerfile-inline:1:1")


def test_where_none_can_be_run_it_is_refused_at_its_place() -> None:
    with pytest.raises(InputError) as caught:
        compile_plan([target("app", MINE)], Family(), replace(FACTS, frontends=None), AMD64)
    (found,) = caught.value.diagnostics
    assert (found.code, str(found.span)) == ("foreign-frontend", "app:dockerfile-inline:1:1")
    assert "--engine buildkit" in (found.hint or "")


def test_only_what_stands_on_its_config_waits_for_it() -> None:
    app = target("app", MINE)
    copies = target("copies", "FROM scratch\nCOPY --from=app / /\n", contexts={"app": "target:app"})
    stands = target("stands", "FROM app\nENV B=2\n", contexts={"app": "target:app"})
    nothing = replace(FACTS, frontends={})
    plan = compile_plan([copies], Family(app, copies), nothing, AMD64)
    assert isinstance(plan, Plan) and plan.edges == {"copies": ("app",)}
    for waiting in (stands, replace(app, test=(("true",),))):
        needs = compile_plan([waiting], Family(app, stands), nothing, AMD64)
        assert not isinstance(needs, Plan)
        ((step, below),) = needs.frontends.items()
        assert isinstance(below.steps[step].op, FrontendOp) and below.origins[step][0].target == "app"
    told = ImageConfig(config=RunConfig(env=("A=1",), labels={"l": "theirs"}))
    known = replace(nothing, frontends=dict.fromkeys(needs.frontends, told))
    labelled = replace(app, labels={"m": "ours"})
    known = replace(known, frontends=_Always(told))
    plan = compile_plan([stands], Family(labelled, stands), known, AMD64)
    assert isinstance(plan, Plan)
    run = plan.images[0].config.config
    assert run.env is not None and {"A=1", "B=2"} <= set(run.env) and run.labels == {"l": "theirs", "m": "ours"}


class _Always(dict):  # type: ignore[type-arg]
    def __init__(self, config: ImageConfig) -> None:
        super().__init__()
        self._config = config

    def get(self, key: object, default: object = None) -> object:
        del key, default
        return self._config


def test_it_is_completed_when_it_is_built() -> None:
    app = target("app", MINE, labels={"l": "ours"})
    plan = compiled(app)
    (image,) = plan.images
    step = frontend_below(image, plan.steps)
    assert step is not None
    history = (History("2026-01-01T00:00:00Z", "one"), History("2026-01-01T00:00:00Z", "two"))
    told = ImageConfig("other", config=RunConfig(cmd=("x",), labels={"l": "theirs", "k": "theirs"}))
    done: Image = completed(image, step, Part(2, history, told))
    assert [ref.index for ref in done.layers] == [0, 1] and done.history == history
    assert done.config.config == RunConfig(cmd=("x",), labels={"l": "ours", "k": "theirs"})
    assert (done.config.architecture, done.opaque) == ("amd64", None)


def test_the_history_of_its_layers_ends_where_that_of_others_begins() -> None:
    made, empty = History(created_by="made"), History(created_by="empty", empty_layer=True)
    assert front_history([empty, made, made, empty, made], 2, 4) == (empty, made, made, empty)
    assert front_history([made, made, made], 2, 0) == (made, made)
    assert front_history([empty, made], 0, 1) == (empty,)
    assert front_history([], 0, 0) == ()


def test_no_layout_can_be_given() -> None:
    with pytest.raises(InputError) as caught:
        compiled(target("app", MINE, contexts={"l": "oci-layout://out"}))
    assert caught.value.diagnostics[0].code == "unsupported-context"
