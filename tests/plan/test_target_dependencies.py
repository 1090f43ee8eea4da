"""How targets hang together, found offline: by contexts, by FROM a sibling's tag, by `after`."""

from __future__ import annotations

import pytest

from bake.errors import InputError
from bake.oci.platform import parse_platform
from bake.plan.dependencies import Link, Links, find_links
from bake.plan.facts import Facts, Needs
from bake.spec.request import Request
from bake.spec.resolve import resolve
from bake.spec.workspace import spec_of

HOST = parse_platform("linux/amd64")
BASE = '[target.base]\ntags = ["example.com/base:1"]\ndockerfile-inline = "FROM example.com/far:2"\n'


def links(text: str, *names: str) -> Links:
    resolved = resolve(spec_of(text), Request(names=names))
    targets = [resolved.target(name) for name in resolved.requested]
    found = find_links(targets, resolved, Facts(), HOST)
    assert isinstance(found, Links)
    return found


def target(name: str, dockerfile: str, *more: str) -> str:
    return "\n".join([f"[target.{name}]", f"dockerfile-inline = '''\n{dockerfile}\n'''", *more, ""])


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (target("app", "FROM b", 'contexts = { b = "target:base" }'), "image"),
        (target("app", "FROM scratch", 'contexts = { b = "target:base" }'), "image"),
        (target("app", "FROM example.com/base:1"), "image"),
        (target("app", "FROM scratch\nCOPY --from=example.com/base:1 / /"), "image"),
        (target("app", "FROM scratch", 'after = ["base"]'), "after"),
        (target("app", "FROM example.com/base:1", 'after = ["base"]'), "image"),
    ],
)
def test_kinds_of_links(spec: str, kind: str) -> None:
    found = links(BASE + spec, "app")
    assert found.links == (Link("app", "base", kind),)  # type: ignore[arg-type]
    assert (found.requested, found.targets, found.problems) == (("app",), ("app", "base"), ())


def test_all_that_is_reached_is_there_and_nothing_else() -> None:
    spec = "".join(
        target(name, "FROM scratch", f'after = ["{after}"]' if after else "")
        for name, after in (("a", "b"), ("b", "c"), ("c", ""), ("d", "a"))
    )
    assert links(spec, "a").targets == ("a", "b", "c")
    assert links(spec, "all").targets == ("a", "b", "c", "d")


def test_a_stage_that_is_not_built_links_nothing() -> None:
    text = "FROM example.com/base:1 AS unused\nFROM scratch\nWORKDIR /x"
    assert links(BASE + target("app", text), "app").links == ()


def test_what_cannot_be_read_is_a_warning() -> None:
    found = links(BASE + target("app", "FORM scratch", 'after = ["base"]'), "app")
    assert found.links == (Link("app", "base", "after"),)
    assert {problem.severity for problem in found.problems} == {"warning"} and found.problems


def test_a_circle_through_a_tag_is_an_error() -> None:
    spec = target("a", "FROM example.com/b:1", 'tags = ["example.com/a:1"]') + target(
        "b", "FROM scratch", 'tags = ["example.com/b:1"]', 'after = ["a"]'
    )
    with pytest.raises(InputError, match=r"in a circle: (a → b → a|b → a → b)"):
        links(spec, "all")


def test_files_are_asked_for_first() -> None:
    resolved = resolve(spec_of('[target.a]\ncontext = "x"\n'), Request())
    found = find_links([resolved.target("a")], resolved, Facts(), HOST)
    assert isinstance(found, Needs) and list(found.texts)
