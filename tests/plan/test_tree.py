from hypothesis import given
from hypothesis import strategies as st

from bake.plan.tree import SCRATCH, Entry, digest_of, ordered, stack, state_of_images, state_over

names = st.text("ab.-", min_size=1, max_size=3).filter(lambda s: s not in (".", ".."))
paths = st.lists(names, min_size=1, max_size=3).map("/".join)


def file(digest: str = "0") -> Entry:
    return Entry("f", 0o644, digest=digest)


def test_a_directory_comes_before_what_it_holds_and_before_longer_names() -> None:
    entries = {"a.b": file(), "a/b": file(), "a": Entry("d"), "ab": file()}
    assert list(ordered(entries)) == ["a", "a/b", "a.b", "ab"]


def test_whiteouts_remove_a_path_and_all_below_it() -> None:
    lower = {"d": Entry("d"), "d/f": file(), "e": file()}
    assert list(stack([lower, {"d": Entry("w")}])) == ["e"]


def test_an_opaque_directory_hides_only_what_lower_layers_hold() -> None:
    lower = {"d": Entry("d"), "d/old": file()}
    upper = {"d": Entry("d", opaque=True), "d/new": file()}
    tree = stack([lower, upper])
    assert list(tree) == ["d", "d/new"]
    assert not tree["d"].opaque


def test_a_file_over_a_directory_removes_what_was_in_it() -> None:
    assert list(stack([{"d": Entry("d"), "d/f": file()}, {"d": file()}])) == ["d"]


def test_times_and_stamps_do_not_count_for_content() -> None:
    assert digest_of([("f", Entry("f", 0o644, digest="1", mtime=1))]) == digest_of(
        [("f", Entry("f", 0o644, digest="1", mtime=2))]
    )


def test_given_times_count_for_a_layer_as_finely_as_its_archive_tells_them() -> None:
    one, same, other = (Entry("f", mtime=time, timed=True) for time in (3 * 10**9, 3 * 10**9 + 1, 4 * 10**9))
    assert state_over(SCRATCH, {"f": one}) == state_over(SCRATCH, {"f": same}) != state_over(SCRATCH, {"f": other})
    assert state_over(SCRATCH, {"f": one}) != state_over(SCRATCH, {"f": Entry("f", mtime=3 * 10**9)})
    assert digest_of([("f", one)]) == digest_of([("f", other)])


@given(st.dictionaries(paths, st.sampled_from("0123").map(file)))
def test_state_ids_do_not_depend_on_the_order_of_a_listing(entries: dict[str, Entry]) -> None:
    turned = dict(reversed(entries.items()))
    assert state_over(SCRATCH, entries) == state_over(SCRATCH, turned)


@given(st.lists(st.dictionaries(paths, st.sampled_from("01").map(file), max_size=4), max_size=4))
def test_stacking_in_two_halves_is_stacking_at_once(layers: list[dict[str, Entry]]) -> None:
    half = len(layers) // 2
    assert stack(layers) == stack([stack(layers[:half]), *layers[half:]])


def test_image_states_depend_on_all_layers_below() -> None:
    first, second = state_of_images(["sha256:a", "sha256:b"])
    assert state_of_images(["sha256:a"]) == (first,)
    assert state_of_images(["sha256:c", "sha256:b"])[1] != second
