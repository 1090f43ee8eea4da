"""What caches know merges in any order, and nothing is lost by it."""

from __future__ import annotations

import pytest
from catalogs import FOREST, KEYS, catalogs, hexes
from hypothesis import given
from hypothesis import strategies as st

from bake.plan.tree import SCRATCH
from bake.remote import catalog as module
from bake.remote.catalog import (
    REFRESH_S,
    Blob,
    CachedState,
    Catalog,
    Known,
    chain,
    has_news,
    merge,
    merge_all,
    narrowed,
    prune,
    without,
)


@given(catalogs(), catalogs())
def test_merging_is_commutative(one: Catalog, other: Catalog) -> None:
    assert merge(one, other) == merge(other, one)


@given(catalogs(), catalogs(), catalogs())
def test_merging_is_associative(one: Catalog, two: Catalog, three: Catalog) -> None:
    assert merge(merge(one, two), three) == merge(one, merge(two, three))


@given(catalogs(), catalogs())
def test_merging_again_changes_nothing(one: Catalog, other: Catalog) -> None:
    assert merge(one, one) == one
    assert merge(merge(one, other), other) == merge(one, other)
    assert not has_news(merge(one, other), merge(merge(one, other), one))


@given(st.lists(catalogs(), max_size=4))
def test_nothing_is_lost(all_: list[Catalog]) -> None:
    """Every key, state, slot and selection is still known, and who had an archive has one."""
    whole = merge_all(all_)
    for each in all_:
        assert each.records.keys() <= whole.records.keys()
        assert each.states.keys() <= whole.states.keys()
        assert each.slots.keys() <= whole.slots.keys()
        assert each.selections.keys() <= whole.selections.keys()
        assert each.parts.keys() <= whole.parts.keys()
        for key, known in each.records.items():
            assert whole.records[key].created >= known.created and whole.records[key].used >= known.used
        for id_, state in each.states.items():
            assert bool(whole.states[id_].blobs) >= bool(state.blobs)


@given(catalogs(), catalogs())
def test_an_archive_is_always_one_that_somebody_named(one: Catalog, other: Catalog) -> None:
    """Never the diff id of one writer with the blobs of another, whose layer is another archive."""
    for id_, state in merge(one, other).states.items():
        writers = [c.states[id_] for c in (one, other) if id_ in c.states and c.states[id_].diff_id == state.diff_id]
        assert writers
        assert {b.digest for b in state.blobs} <= {b.digest for w in writers for b in w.blobs}
        assert state.created in {w.created for w in writers}


def state(created: float, diff: str = "", *blobs: Blob) -> CachedState:
    return CachedState(SCRATCH, hexes("listing", 0), 1, created, diff, blobs)


def test_the_older_layer_stays_so_that_images_keep_their_digests() -> None:
    id_ = next(iter(FOREST))
    old, new = state(1.0, "sha256:a", Blob("b1", "t", 1)), state(2.0, "sha256:b", Blob("b2", "t", 1))
    assert merge(Catalog(states={id_: new}), Catalog(states={id_: old})).states[id_] == old
    bare = state(0.5)
    assert merge(Catalog(states={id_: bare}), Catalog(states={id_: new})).states[id_] == new


def test_what_is_lost_gives_way_to_what_is_there() -> None:
    """A layer whose archive was deleted, and that was made again later, is found again."""
    id_ = next(iter(FOREST))
    dead, alive = state(1.0, "sha256:a", Blob("b1", "t", 1)), state(2.0, "sha256:b", Blob("b2", "t", 1))
    before = Catalog(states={id_: dead})
    after = merge(without(before, {"b1"}), Catalog(states={id_: alive}))
    assert after.states[id_] == alive
    assert has_news(before, after)


@given(catalogs())
def test_narrowing_keeps_what_records_stand_on(catalog: Catalog) -> None:
    kept = narrowed(catalog, KEYS[:3])
    assert kept.records.keys() == catalog.records.keys() & set(KEYS[:3])
    for known in kept.records.values():
        assert list(chain(kept, known.state)) == list(chain(catalog, known.state))
    assert narrowed(kept, KEYS[:3]) == kept
    assert {at for at, _ in kept.selections} <= kept.states.keys()


@given(catalogs(), st.integers(0, 4))
def test_pruning_keeps_the_ones_wanted_last(catalog: Catalog, most: int) -> None:
    kept = prune(catalog, now=9.0, most=most, max_age=6.0)
    assert len(kept.records) <= most
    dropped = [known.used for key, known in catalog.records.items() if key not in kept.records]
    assert all(known.used >= 3 for known in kept.records.values())
    if len(kept.records) == most and kept.records:
        assert max(dropped, default=0) <= min(known.used for known in kept.records.values())
    else:
        assert all(used < 3 for used in dropped) or most == 0


def test_parts_that_are_too_much_are_left_out_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PARTS", 30)
    records = {key: Known(SCRATCH, 1.0, 1.0, number) for number, key in enumerate(KEYS)}
    catalog = Catalog(records, parts={key: {"name": "twelve chars"[:6]} for key in KEYS})
    kept = prune(catalog, now=9.0, most=9, max_age=9.0)
    assert (list(kept.parts), kept.records) == ([KEYS[5], KEYS[4], KEYS[3]], records)


def test_that_a_record_was_used_is_news_only_after_a_while() -> None:
    def used(at: int) -> Catalog:
        return Catalog({KEYS[0]: Known(SCRATCH, 1.0, 1.0, at)})

    assert not has_news(used(0), merge(used(0), used(REFRESH_S - 1)))
    assert has_news(used(0), merge(used(0), used(REFRESH_S)))
