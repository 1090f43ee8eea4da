"""Steps as LLB: the shape of each kind, and digests that must never change, as builders keep their caches by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from inline_snapshot import snapshot

from bake.engine.buildkit.capabilities import MOUNT_POINTS
from bake.engine.buildkit.llb import Graph, Output, digest_of
from bake.engine.buildkit.lower import LOWER, Lowering
from bake.engine.buildkit.selections import Selections
from bake.engine.buildkit.sent import send_copies, send_subtree
from bake.engine.buildkit.wire.messages import MESSAGES
from bake.plan.select import SourceMissing
from bake.plan.step import (
    Ambient,
    BindMount,
    CacheMount,
    CopyAction,
    CopyOp,
    ExecOp,
    HttpOp,
    ImageOp,
    LocalOp,
    MergeOp,
    MkdirOp,
    ScratchOp,
    SecretMount,
    SshMount,
    Step,
    TmpfsMount,
    WriteOp,
    WrittenFile,
    make_step,
)
from bake.plan.tree import Entry, ordered
from bake.ports.task import BlobInput, Input, TreeInput

IMAGE = ImageOp("docker.io/library/alpine:3", "sha256:" + "a" * 64, ("sha256:" + "b" * 64,), ())
TREE = ordered(
    {
        "a": Entry("f", 0o644, size=1, digest="00", mtime=5),
        "d": Entry("d", 0o750, mtime=6),
        "d/b.txt": Entry("f", 0o755, size=1, digest="01", mtime=7),
        "d/c": Entry("f", 0o600, size=1, digest="02", mtime=7),
        "link": Entry("l", 0o777, link="d"),
    }
)
MERGE = frozenset({"mergeop"})


class Steps:
    """Steps by id, lowered with one context."""

    def __init__(self, caps: frozenset[str] = MERGE) -> None:
        self.all: dict[Any, Step] = {}
        self.low = Lowering(self.all, self.given, caps, "linux/amd64")

    def add(self, op: Any, *inputs: Step, **more: Any) -> Step:
        step = make_step(op, tuple(i.id for i in inputs), "linux/amd64", **more)
        self.all[step.id] = step
        return step

    def given(self, id: Any) -> Input:
        op = self.all[id].op
        return BlobInput(Path(__file__), op.name, 9.0) if isinstance(op, HttpOp) else TreeInput("/ctx", TREE)

    def lower(self, step: Step) -> Any:
        """The message of the vertex that a step is."""
        output = self.low.state(step.id)
        assert output is not None
        return MESSAGES.Op.FromString(self.low.graph.vertexes[output.digest].data)

    def digest(self, step: Step) -> str:
        output = self.low.state(step.id)
        return output.digest[7:19] if output else ""


def chain(steps: Steps) -> dict[str, Step]:
    """One step of each kind."""
    image, scratch = steps.add(IMAGE), steps.add(ScratchOp())
    context = steps.add(LocalOp("/ctx", ("*.log",)))
    written = steps.add(WriteOp((WrittenFile("/x", "text"),)))
    url = steps.add(HttpOp("https://host/file", "file"))
    mkdir = steps.add(MkdirOp("/w", "1:2"), image)
    copy = steps.add(CopyOp((CopyAction(1, "/d", "/to/"), CopyAction(1, "/a", "/file"))), mkdir, context)
    run = steps.add(ExecOp(("sh", "-c", "x"), (("PATH", "/bin"),), cwd="/w", user="bob"), copy)
    top = steps.add(CopyOp((CopyAction(1, "/w", "/l"),)), scratch, run)
    return {
        "mkdir": mkdir, "copy": copy, "run": run, "top": top, "link": steps.add(MergeOp(), mkdir, top),
        "inline": steps.add(CopyOp((CopyAction(1, "/x", "/y", mode="600"),)), run, written),
        "url": steps.add(CopyOp((CopyAction(1, "/file", "/"),)), scratch, url),
    }  # fmt: skip


def test_digests_stay() -> None:
    steps = Steps()
    assert {name: steps.digest(step) for name, step in chain(steps).items()} == snapshot(
        {
            "mkdir": "fc92f9edbe83",
            "copy": "6d8af8feebdd",
            "run": "48894eeeb2a9",
            "top": "865f9a1fd772",
            "link": "86e1a1f02a3f",
            "inline": "224a9667a50a",
            "url": "09a9e5b67f30",
        }
    )


def test_every_kind_of_step_has_a_function_or_is_sent_or_made_by_a_front_end() -> None:
    from typing import get_args

    from bake.plan.step import Operation

    kinds = {kind for union in get_args(Operation) for kind in (get_args(union) or (union,))}
    elsewhere = {"LocalOp", "HttpOp", "GitOp", "FrontendOp"}
    assert {kind.__name__ for kind in kinds} - {kind.__name__ for kind in LOWER} == elsewhere


def test_the_digest_is_of_the_operation_put_last() -> None:
    graph = Graph()
    digest = graph.add([], "linux/amd64", source=MESSAGES.SourceOp(identifier="docker-image://x"))
    data = graph.vertexes[digest].data
    assert data.endswith(MESSAGES.Op(source=MESSAGES.SourceOp(identifier="docker-image://x")).SerializeToString())
    assert MESSAGES.Op.FromString(data).platform.arch == "amd64"


def definition_of(graph: Graph, result: Output) -> Any:
    """The message for all that a result needs."""
    return MESSAGES.Definition.FromString(graph.definition(result))


def test_a_definition_holds_what_is_needed_and_ends_in_its_result() -> None:
    steps = Steps()
    made = chain(steps)
    run, link = steps.low.state(made["run"].id), steps.low.state(made["link"].id)
    assert run is not None and link is not None
    definition = definition_of(steps.low.graph, run)
    assert len(definition.defs) == 5 + 1  # image, mkdir, files, copy, run; and the result
    last = MESSAGES.Op.FromString(definition.defs[-1])
    assert [i.digest for i in last.inputs] == [run.digest]
    assert len(definition_of(steps.low.graph, link).defs) == 7 + 1


def test_merge_or_what_comes_to_the_same() -> None:
    new, old = Steps(), Steps(frozenset())
    merged = new.lower(chain(new)["link"])
    assert [i.input for i in merged.merge.inputs] == [0, 1]
    copied = old.lower(chain(old)["link"]).file.actions[0]
    assert (copied.input, copied.secondary, copied.copy.src, copied.copy.dest, copied.copy.contents) == (
        0, 1, "/", "/", True,
    )  # fmt: skip


def test_uncached_steps_are_not_looked_up() -> None:
    steps = Steps()
    output = steps.low.state(steps.add(ExecOp(("x",)), steps.add(IMAGE), uncached=True).id)
    assert output is not None
    assert definition_of(steps.low.graph, output).metadata[output.digest].ignore_cache


def test_mounts() -> None:
    steps = Steps()
    image, context = steps.add(IMAGE), steps.add(LocalOp("/ctx"))
    mounts = (
        BindMount("/b", 1, "/d"), CacheMount("/c", "id", "locked", mode=0o700, uid=3), TmpfsMount("/t", 4096),
        SecretMount("s", "/s", mode=0o440), SecretMount("e", env="E"), SshMount("default", "/ssh"),
    )  # fmt: skip
    ambient = Ambient((("HTTP_PROXY", "p"),), (("db", "10.0.0.1"),))
    op = ExecOp(("x",), mounts=mounts, network="none", ulimits=("nofile=1:2",), shm_size=1 << 20)
    step = steps.add(op, image, context, ambient=ambient)
    made = steps.lower(step).exec
    by = {mount.dest: mount for mount in made.mounts}
    assert {dest: mount.type for dest, mount in by.items()} == {
        "/": 0, "/b": 0, "/c": 3, "/t": 4, "/s": 1, "/ssh": 2, "/dev/shm": 4,
    }  # fmt: skip
    assert (by["/"].output, by["/b"].output, by["/b"].selector, by["/b"].readonly) == (0, -1, "/d", True)
    assert (by["/c"].cache.id, by["/c"].cache.sharing, by["/c"].selector) == ("id", 2, "/cache")
    assert (by["/t"].tmpfs.size, by["/s"].secret.mode, by["/s"].secret.optional) == (4096, 0o440, True)
    assert [(v.id, v.name) for v in made.secretenv] == [("e", "E")]
    assert (made.network, made.meta.proxy.http, made.meta.hosts[0].ip, made.meta.ulimits[0].hard) == (
        2, "p", "10.0.0.1", 2,
    )  # fmt: skip
    assert not made.meta.clean_mount_points  # 0.8 would call the step by another digest
    newer = Steps(frozenset({MOUNT_POINTS}))
    assert newer.lower(newer.add(ExecOp(("x",)), newer.add(IMAGE))).exec.meta.clean_mount_points
    output = steps.low.state(step.id)
    assert output is not None
    caps = definition_of(steps.low.graph, output).metadata[output.digest].caps
    assert set(caps) == {"exec.mount.tmpfs.size", "exec.secretenv", "exec.meta.ulimit"}


@pytest.mark.parametrize(
    ("action", "files", "places"),
    [
        (CopyAction(1, "/a", "/x"), ["0", "0/0", "0/0/a"], [("/0/0/a", False)]),
        (CopyAction(1, "/d", "/x"), ["0", "0/b.txt", "0/c"], [("/0", True)]),
        (CopyAction(1, "/link", "/x"), ["0", "0/b.txt", "0/c"], [("/0", True)]),
        (CopyAction(1, "/*", "/x/"), ["0", "0/a", "0/b.txt", "0/c", "0/link"], [("/0", True)]),
        (CopyAction(1, "/d", "/x", exclude=("*.txt",)), ["0", "0/c"], [("/0", True)]),
        (CopyAction(1, "/d/./b.txt", "/x/", parents=True), ["0", "0/b.txt"], [("/0", True)]),
        (CopyAction(1, "/d/c", "/x/", parents=True), ["0", "0/d", "0/d/c"], [("/0", True)]),
        (CopyAction(1, "/none*", "/x/"), [], []),
        (CopyAction(1, "/d/*", "/x/", unpack=True), ["0", "0/0", "0/0/b.txt", "0/1", "0/1/c"],
         [("/0/0/b.txt", False), ("/0/1/c", False)]),
    ],
)  # fmt: skip
def test_only_what_is_read_is_sent(action: CopyAction, files: list[str], places: list[tuple[str, bool]]) -> None:
    sent, placed = send_copies(TreeInput("/ctx", TREE), [action], "context")
    assert [file.path for file in sent.files] == files or "link" in str(files)
    assert [(place.path, place.contents) for place in placed[0]] == places


def test_the_name_of_what_is_sent_says_what_is_chosen_and_not_what_is_found() -> None:
    other = {**TREE, "a": Entry("f", 0o600, size=9, digest="99")}
    action = CopyAction(1, "/a", "/x")
    first, _ = send_copies(TreeInput("/ctx", TREE), [action], "context")
    second, _ = send_copies(TreeInput("/ctx", other), [action], "context")
    third, _ = send_copies(TreeInput("/ctx", TREE), [CopyAction(1, "/d", "/x")], "context")
    assert first.name == second.name != third.name
    assert first != second


def test_images_share_what_is_chosen_of_one_source() -> None:
    selections, source = Selections(), make_step(LocalOp("/ctx"), (), "linux/amd64")
    other, given = make_step(LocalOp("/other"), (), "linux/amd64"), TreeInput("/ctx", TREE)

    def chosen(source: Step, action: CopyAction) -> Any:
        return selections.copies(source, given, [action])

    action = CopyAction(1, "/d", "/x")
    assert chosen(source, action) is chosen(source, CopyAction(1, "/d", "/x"))
    assert chosen(source, action)[0].name != chosen(other, action)[0].name
    assert chosen(source, action)[0].name != chosen(source, CopyAction(1, "/a", "/x"))[0].name
    assert selections.subtree(source, given, "/d") is selections.subtree(source, given, "/d")
    assert selections.subtree(source, given, "/d")[1] != selections.subtree(source, given, "/a")[1]


def test_symbolic_modes_are_applied_to_what_is_sent() -> None:
    sent, _ = send_copies(TreeInput("/ctx", TREE), [CopyAction(1, "/d", "/x", mode="go-rwx")], "context")
    assert {file.path: oct(file.entry.mode) for file in sent.files} == {
        "0": "0o700",
        "0/b.txt": "0o700",
        "0/c": "0o600",
    }


def test_a_mounted_directory_stands_at_its_own_place() -> None:
    sent, at = send_subtree(TreeInput("/ctx", TREE), "/link", "context")
    assert ([file.path for file in sent.files], at) == (["d", "d/b.txt", "d/c"], "/d")
    with pytest.raises(SourceMissing):
        send_subtree(TreeInput("/ctx", TREE), "/nothing", "context")


def test_a_base_without_layers_is_the_empty_state() -> None:
    steps = Steps()
    empty = steps.add(ImageOp("docker.io/library/x:1", "sha256:" + "c" * 64, (), ()))
    assert steps.low.state(empty.id) is None
    assert steps.lower(steps.add(MkdirOp("/w"), empty)).file.actions[0].input == -1
    assert isinstance(steps.low.state(steps.add(IMAGE).id), Output)


def test_what_a_front_end_made_is_called_as_builders_call_it() -> None:
    """Python writes the fields of an operation in the order of their numbers, Go what it does last."""
    platform = MESSAGES.Platform(os="linux", arch="amd64")
    source = MESSAGES.SourceOp(identifier="local://x", attrs={"a": "b"})
    low = MESSAGES.Op(source=source, platform=platform).SerializeToString(deterministic=True)
    on = [MESSAGES.Input(digest=digest_of(low))]
    high = MESSAGES.Op(inputs=on, file=MESSAGES.FileOp(), platform=platform).SerializeToString(deterministic=True)
    end = MESSAGES.Op(inputs=[MESSAGES.Input(digest=digest_of(high))]).SerializeToString()
    given = MESSAGES.Definition(defs=[high, low, end], metadata={digest_of(high): {"description": {"k": "v"}}})
    graph = Graph()
    made, new = graph.embed(given)
    tail = MESSAGES.Op(platform=platform).SerializeToString() + MESSAGES.Op(source=source).SerializeToString(
        deterministic=True
    )
    base, top = graph.vertexes.values()
    assert base.data == tail and digest_of(base.data) in graph.vertexes
    head = MESSAGES.Op(inputs=[MESSAGES.Input(digest=digest_of(tail))]).SerializeToString()
    head += MESSAGES.Op(platform=platform).SerializeToString()
    assert top.data == head + MESSAGES.Op(file=MESSAGES.FileOp()).SerializeToString()
    assert made == Output(digest_of(top.data)) and new == [made.digest]
    assert top.metadata.description == {"k": "v"} and top.inputs == (digest_of(tail),)
    assert graph.embed(definition_of(graph, made)) == (made, [])  # what Go has written stays as it is
    assert Graph().embed(MESSAGES.Definition()) == (None, [])
