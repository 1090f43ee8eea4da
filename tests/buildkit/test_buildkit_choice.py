"""A thousand targets on twenty builders, on paper: balance, what moves when one leaves, platforms, labels, prefixes."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bake.engine.buildkit.choice import Candidate, Work, assign, platforms_run, prefixes, ranked
from bake.plan.step import CopyAction, CopyOp, ExecOp, ScratchOp, StepId, make_step

BUILDERS = [Candidate(f"tcp://builder-{n}:1234") for n in range(20)]
WORKS = [Work(f"t{n}", f"prefix-{n // 3}", ("linux/amd64",)) for n in range(1000)]


def balance(made: dict[str, Candidate], builders: int) -> float:
    return max(Counter(c.addr for c in made.values()).values()) / (len(made) / builders)


def moved(before: dict[str, Candidate], after: dict[str, Candidate]) -> int:
    return sum(before[name].addr != after[name].addr for name in before)


def test_balance() -> None:
    made = assign(WORKS, BUILDERS)
    assert len(made) == 1000
    assert balance(made, 20) <= 1.25


def test_one_leaves_and_only_its_own_move() -> None:
    before = assign(WORKS, BUILDERS)
    last = {name: candidate.addr for name, candidate in before.items()}
    for gone in BUILDERS:
        left = [b for b in BUILDERS if b is not gone]
        after = assign(WORKS, left, last)
        assert moved(before, after) <= 1000 / 20
        assert balance(after, 19) <= 1.25


def test_one_leaves_for_somebody_without_memory() -> None:
    """A machine that has not built here before ranks alike: about the leaver's part moves, and no more than twice."""
    before = assign(WORKS, BUILDERS)
    shares = [moved(before, assign(WORKS, [b for b in BUILDERS if b is not gone])) for gone in BUILDERS]
    assert max(shares) <= 2 * 1000 / 20 + 50


def test_shared_prefixes_meet() -> None:
    made = assign(WORKS, BUILDERS)
    groups: dict[str, set[str]] = {}
    for work in WORKS:
        groups.setdefault(work.prefix, set()).add(made[work.name].addr)
    assert sum(len(addresses) == 1 for addresses in groups.values()) > 0.9 * len(groups)


def test_slots_weigh() -> None:
    builders = [Candidate("a", slots=24), Candidate("b", slots=8)]
    found = Counter(c.addr for c in assign(WORKS, builders).values())
    assert found["a"] == 750


def test_platforms_and_labels() -> None:
    arm = Candidate("arm", ("linux/arm64",), {"zone": "eu"})
    amd = Candidate("amd", ("linux/amd64", "linux/386"), {"zone": "us"})
    works = [
        Work("x", "p", ("linux/arm64",)), Work("y", "p", ("linux/amd64",)), Work("z", "p", ("linux/s390x",)),
        Work("eu", "p", (), {"zone": "eu"}), Work("both", "p", ("linux/amd64",), {"zone": "eu"}),
    ]  # fmt: skip
    assert {name: c.addr for name, c in assign(works, [arm, amd]).items()} == {"x": "arm", "y": "amd", "eu": "arm"}


def test_what_counts_is_where_commands_run() -> None:
    arm, amd = Candidate("arm", ("linux/arm64",)), Candidate("amd", ("linux/amd64",))
    scratch = make_step(ScratchOp())
    compiled = make_step(ExecOp(("cross-compile",)), (scratch.id,), "linux/amd64")
    run = make_step(ExecOp(("run",)), (scratch.id,))
    copy = make_step(CopyOp((CopyAction(1, "/a", "/a"),)), (scratch.id, compiled.id), "linux/arm64")
    steps = {s.id: s for s in (scratch, compiled, run, copy)}
    assert platforms_run([scratch.id, compiled.id, copy.id], steps, "linux/arm64") == ("linux/amd64",)
    assert platforms_run([run.id, compiled.id], steps, "linux/arm64") == ("linux/amd64", "linux/arm64")
    works = [Work("crossed", "p", ("linux/amd64",)), Work("32 bits", "p", ("linux/386",))]
    works += [Work("copied", "p"), Work("both", "p", ("linux/amd64", "linux/arm64"))]
    assert {name: c.addr for name, c in assign(works, [amd]).items()} == dict.fromkeys(
        ("crossed", "32 bits", "copied"), "amd"
    )
    assert set(assign(works, [arm])) == {"copied"}


@given(st.sets(st.text("abcdef", min_size=1, max_size=4), min_size=2, max_size=8), st.text(max_size=6))
def test_ranking_does_not_depend_on_who_else_is_there(addresses: set[str], prefix: str) -> None:
    everybody = [Candidate(addr) for addr in addresses]
    order = ranked(prefix, everybody)
    for gone in everybody:
        assert ranked(prefix, [c for c in everybody if c is not gone]) == [c for c in order if c is not gone]


def test_the_prefix_is_the_last_shared_step() -> None:
    scratch = make_step(ScratchOp())
    first = make_step(ExecOp(("1",)), (scratch.id,), "linux/amd64")
    second = make_step(ExecOp(("2",)), (first.id,), "linux/amd64")
    ends = [
        make_step(ExecOp((f"e{n}",)), (parent.id,), "linux/amd64") for n, parent in enumerate((second, second, first))
    ]
    alone = make_step(ExecOp(("alone",)), (scratch.id,), "linux/amd64")
    steps = {s.id: s for s in (scratch, first, second, *ends, alone)}
    finals: dict[str, StepId] = {f"t{n}": s.id for n, s in enumerate((*ends, alone))}
    assert prefixes(finals, steps) == {"t0": second.id, "t1": second.id, "t2": first.id, "t3": alone.id}
