"""Dockerfiles compiled in memory: graph, config and history."""

from __future__ import annotations

import pytest
from compiling import AMD64, compile_targets, history, needs_of, only_image, target

from bake.errors import InputError
from bake.oci.model import ImageConfig, RunConfig
from bake.oci.platform import parse_platform
from bake.plan.facts import Facts, ImageQuery
from bake.plan.outcome import Plan
from bake.plan.step import CopyOp, ExecOp, HttpOp, LocalOp, MergeOp, MkdirOp, WriteOp


def ops(plan: Plan, kind: type) -> list:
    return [step.op for step in plan.steps.values() if isinstance(step.op, kind)]


def test_history_and_environment_follow_the_reference_example() -> None:
    # reference/dockerfile.md §16.5
    text = "FROM scratch AS one\nENV X=1\nARG X=2\nARG N\nRUN echo hi\nFROM one\nRUN echo $X\n"
    plan = compile_targets(target("a", text))
    assert history(plan) == [
        "ENV X=1",
        "ARG X=2",
        "ARG N",
        "RUN |2 X=2 N= /bin/sh -c echo hi # buildkit",
        "RUN |2 X=1 N= /bin/sh -c echo $X # buildkit",
    ]
    first, second = ops(plan, ExecOp)
    assert dict(first.env)["X"] == "2"
    assert dict(second.env)["X"] == "1"
    assert "X=1" in (only_image(plan).config.config.env or ())


@pytest.mark.parametrize(
    ("dockerfile", "lines"),
    [
        ("EXPOSE 90 7000-7002/UDP 80", ["EXPOSE [7000/udp 7001/udp 7002/udp 80/tcp 90/tcp]"]),
        ('SHELL ["/bin/bash", "-c"]\nCMD a "b c"', ["SHELL [/bin/bash -c]", 'CMD ["/bin/bash" "-c" "a \\"b c\\""]']),
        ('LABEL l="x y" k\\ 2=v', ["LABEL l=x y k 2=v"]),
        ("WORKDIR /w/t/\nWORKDIR rel/../x", ["WORKDIR /w/t/", "WORKDIR /w/t/x"]),
        ("WORKDIR /", ["WORKDIR /"]),
        ('VOLUME /a "/b"', ["VOLUME [/a /b]"]),
        ("HEALTHCHECK --interval=90s CMD x", [
            r'''HEALTHCHECK &{["CMD-SHELL" "x"] "1m30s" "0s" "0s" "0s" '\x00'}'''
        ]),
        ("COPY --chown=1:2 --chmod=644 a b /x/", ["COPY --chown=1:2 --chmod=644 a b /x/ # buildkit"]),
        ("COPY <<E /x\nhi\nE", ["COPY <<E /x # buildkit"]),
        ("RUN <<EOF\necho hi\nEOF", ["RUN /bin/sh -c echo hi\n # buildkit"]),
        ("RUN <<EOF\n#!/bin/sh\nEOF", ["RUN /bin/sh -c /dev/pipes/EOF # buildkit"]),
        ("RUN cat <<-A && echo it\n\ta1\n\tA", ["RUN /bin/sh -c cat <<-A && echo it\n\ta1\nA # buildkit"]),
        ('RUN ["a", "b c"]', ["RUN a b c # buildkit"]),
        ("USER u\nSTOPSIGNAL 9\nMAINTAINER m", ["USER u", "STOPSIGNAL 9", "MAINTAINER m"]),
        ("CMD []", ["CMD []"]),
    ],
)  # fmt: skip
def test_history_texts_are_buildkits(dockerfile: str, lines: list[str]) -> None:
    assert history(compile_targets(target("a", f"FROM scratch\n{dockerfile}\n"))) == lines


def test_equal_steps_of_many_targets_are_one_step() -> None:
    text = "FROM scratch AS base\nCOPY a /a\nRUN x\nFROM base\nARG V\nRUN y\n"
    plan = compile_targets(*(target(f"t{n}", text, args={"V": str(n)}) for n in range(20)))
    assert len(ops(plan, CopyOp)) == 1
    assert len(ops(plan, ExecOp)) == 1 + 20
    shared = next(step for step in plan.steps.values() if isinstance(step.op, CopyOp))
    assert len(plan.origins[shared.id]) == 20


def test_from_a_siblings_tag_is_an_edge_not_a_pull() -> None:
    base = target("base", "FROM scratch\nENV A=1\nCOPY a /a\n", tags=("localhost:5000/base:1",), labels={"l": "1"})
    app = target("app", 'FROM localhost:5000/base:1\nCMD ["x"]\n')
    plan = compile_targets(base, app)
    assert plan.edges == {"app": ("base",)}
    built, used = plan.images
    assert used.state == built.state
    assert used.config.config.labels == {"l": "1"}
    assert next(getattr(line, "created_by", "") for line in used.history) == "ENV A=1"


def test_targets_in_a_circle_are_an_error_that_shows_it() -> None:
    one = target("one", "FROM x\n", contexts={"x": "target:two"})
    two = target("two", "FROM x\n", contexts={"x": "target:one"})
    with pytest.raises(InputError, match="one → two → one"):
        compile_targets(one, two)


def test_bases_of_all_stages_are_asked_for_in_one_round() -> None:
    text = "FROM a AS one\nRUN x\nFROM b AS two\nFROM c\nCOPY --from=one /x /\nCOPY --from=d /y /\n"
    facts = Facts(texts={"/work/.dockerignore": None})
    names = [query.reference for query in needs_of(target("t", text), facts=facts).images]
    assert names == ["docker.io/library/c:latest", "docker.io/library/a:latest"]


def test_unreachable_stages_need_nothing() -> None:
    plan = compile_targets(target("t", "FROM missing AS unused\nRUN x\nFROM scratch\nCOPY a /\n"))
    assert not plan.needs.images
    assert not ops(plan, ExecOp)


def test_what_is_read_of_a_context_is_asked_for_by_path() -> None:
    plan = compile_targets(target("t", "FROM scratch\nCOPY main.py /app/\nCOPY src/ lib /app/\n"))
    ((op, actions),) = plan.needs.trees.items()
    assert op == LocalOp("/work")
    assert [action.source for action in actions] == ["/main.py", "/src", "/lib"]


def test_ignore_file_beside_the_dockerfile_wins() -> None:
    made = target("t", "", dockerfile="sub/Dockerfile", dockerfile_inline=None)
    texts = {
        "/work/sub/Dockerfile": "FROM scratch\nCOPY . /\n",
        "/work/sub/Dockerfile.dockerignore": "a\n",
        "/work/.dockerignore": "b\n",
    }
    (op,) = ops(compile_targets(made, texts=texts), LocalOp)
    assert op.ignore == ("a",)


def test_a_base_image_brings_its_config_and_onbuild_triggers_run_first() -> None:
    run = RunConfig(
        env=("PATH=/p", "A=b"), user="u", working_dir="/w", cmd=("old",), on_build=("RUN trigger", "ENV T=1")
    )
    config = ImageConfig(architecture="amd64", os="linux", config=run)
    plan = compile_targets(target("t", 'FROM base\nRUN mine\nENTRYPOINT ["e"]\n'), images={"base": config})
    assert [op.args[-1] for op in ops(plan, ExecOp)] == ["trigger", "mine"]
    image = only_image(plan).config.config
    assert (image.user, image.cmd, image.entrypoint, image.on_build) == ("u", None, ("e",), None)
    assert image.env == ("PATH=/p", "A=b", "T=1")


def test_link_copies_onto_an_empty_tree_and_merges() -> None:
    plan = compile_targets(target("t", "FROM scratch\nRUN x\nCOPY --link a /b\n"))
    (merge,) = (step for step in plan.steps.values() if isinstance(step.op, MergeOp))
    copy = plan.steps[merge.inputs[1]]
    assert isinstance(copy.op, CopyOp)
    assert copy.id in plan.origins and merge.id not in plan.origins


def test_workdir_is_made_by_the_stages_user_and_relative_to_the_last() -> None:
    plan = compile_targets(target("t", "FROM scratch\nUSER 7\nWORKDIR /a\nWORKDIR b\nCOPY x .\n"))
    assert [(op.path, op.owner) for op in ops(plan, MkdirOp)] == [("/a", "7"), ("/a/b", "7")]
    (copy,) = ops(plan, CopyOp)
    assert copy.actions[0].dest == "/a/b/"


def test_urls_are_sources_named_by_their_path() -> None:
    plan = compile_targets(target("t", "FROM scratch\nADD http://h/x/a%20b.txt?q=1 http://h/ /d/\n"))
    assert [op.name for op in ops(plan, HttpOp)] == ["a b.txt", "__unnamed__"]


def test_heredocs_expand_unless_quoted() -> None:
    text = "FROM scratch\nENV N=1\nCOPY <<A <<'B' /d/\n$N \\$N\nA\n$N\nB\n"
    (op,) = ops(compile_targets(target("t", text)), WriteOp)
    assert [(file.path, file.data) for file in op.files] == [("/A", "1 $N\n"), ("/B", "$N\n")]


def test_build_arguments_beat_defaults_and_globals_need_a_declaration() -> None:
    text = "ARG V=global\nFROM scratch\nRUN a\nARG V\nRUN b\nARG V=own\nRUN c\n"
    plain = [dict(op.env).get("V") for op in ops(compile_targets(target("t", text)), ExecOp)]
    given = [dict(op.env).get("V") for op in ops(compile_targets(target("t", text, args={"V": "x"})), ExecOp)]
    assert plain == [None, "global", "own"]
    assert given == [None, "x", "x"]


def test_platform_arguments_are_predefined() -> None:
    text = "FROM --platform=$BUILDPLATFORM scratch AS b\nARG TARGETARCH\nRUN $TARGETARCH\n"
    (op,) = ops(compile_targets(target("t", text, platforms=("linux/arm64",))), ExecOp)
    assert dict(op.env)["TARGETARCH"] == "arm64"


def test_the_build_platform_is_the_images_own_where_a_builder_runs_that() -> None:
    text = "FROM --platform=$BUILDPLATFORM scratch AS b\nARG TARGETARCH\nRUN $TARGETARCH\n"
    spec = target("t", text, platforms=("linux/amd64", "linux/arm64", "linux/s390x"))
    found = compile_targets(spec, native=(AMD64, parse_platform("linux/arm64")))
    ran = {dict(s.op.env)["TARGETARCH"]: s.platform for s in found.steps.values() if isinstance(s.op, ExecOp)}
    assert ran == {"amd64": "linux/amd64", "arm64": "linux/arm64", "s390x": "linux/amd64"}


def test_proxies_reach_the_step_but_not_its_identity() -> None:
    plain = compile_targets(target("t", "FROM scratch\nRUN x\n"))
    proxied = compile_targets(target("t", "FROM scratch\nRUN x\n", args={"http_proxy": "http://p"}))
    assert list(plain.steps) == list(proxied.steps)
    (step,) = (s for s in proxied.steps.values() if isinstance(s.op, ExecOp))
    assert dict(step.ambient.env) == {"HTTP_PROXY": "http://p", "http_proxy": "http://p"}


@pytest.mark.parametrize(
    ("dockerfile", "message", "line"),
    [
        (
            "FROM scratch\nCOPY --from=later a /\nFROM scratch AS later\nCOPY --from=0 a /\n",
            "needs to be defined before",
            2,
        ),
        ("FROM scratch AS me\nCOPY --from=me a /\n", "circular dependency detected on stage: me", 2),
        ("FROM scratch\nCOPY --from=3 a /\n", "invalid stage index 3", 2),
        ("FROM scratch\nCOPY --from=$X a /\n", "variable expansion is not supported for --from", 2),
        ("FROM scratch\nCOPY https://h/x /\n", "source can't be a URL for COPY", 2),
        ("FROM scratch\nADD --checksum=sha256:0 a /\n", "checksum requires HTTP", 2),
        ("FROM scratch\nCOPY --chmod=9 a /\n", "chmod", 2),
        ("FROM scratch\nRUN --mount=type=tmpfs,target=/ x\n", "invalid mount target", 2),
        ("FROM ${X:?no-base}\n", "no-base", 1),
        ("FROM $NOTHING\n", "should not be blank", 1),
        ("FROM UPPER\n", "failed to parse stage name", 1),
        ("FROM scratch\nUSER a\nEXPOSE x\n", "invalid containerPort", 3),
        ("FROM scratch\nCOPY [a /x\n", "syntax error in pattern", 2),
        ("FROM scratch\nCOPY --exclude=[ . /x\n", "syntax error in pattern", 2),
        ("FROM scratch\nCOPY --parents a/./[ /x\n", "syntax error in pattern", 2),
    ],
)
def test_mistakes_are_named_with_their_line(dockerfile: str, message: str, line: int) -> None:
    final = None if "later" not in dockerfile else "stage0"
    text = dockerfile if final is None else dockerfile.replace("FROM scratch\n", "FROM scratch AS stage0\n", 1)
    with pytest.raises(InputError) as caught:
        compile_targets(target("t", text, target=final))
    (diagnostic,) = caught.value.diagnostics
    assert message in diagnostic.message
    assert diagnostic.span is not None
    assert diagnostic.span.line == line


def test_mistakes_of_all_targets_come_at_once() -> None:
    one, two = target("one", "FROM scratch\nCOPY --from=9 a /\n"), target("two", "FROM scratch\nEXPOSE x\nEXPOSE y\n")
    with pytest.raises(InputError) as caught:
        compile_targets(one, two)
    assert len(caught.value.diagnostics) == 3


def test_an_unknown_stage_has_a_suggestion() -> None:
    with pytest.raises(InputError) as caught:
        compile_targets(target("t", "FROM scratch AS build\n", target="biuld"))
    assert caught.value.diagnostics[0].hint == "did you mean 'build'?"


def test_images_are_asked_for_by_platform() -> None:
    made = target("t", "FROM base\n", platforms=("linux/amd64", "linux/arm64"))
    facts = Facts(texts={"/work/.dockerignore": None})
    asked = list(needs_of(made, facts=facts).images)
    name = "docker.io/library/base:latest"
    assert asked == [ImageQuery(name, "linux/amd64"), ImageQuery(name, "linux/arm64")]
