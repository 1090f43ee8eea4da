"""Graphs of targets in all formats, with names that try to break out of each."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.plan.dependencies import Link, Links
from bake.render.graph import FORMATS, graph_text

DIAMOND = Links(
    ("app", "web"),
    ("app", "lib", "base", "web", "db"),
    (
        Link("app", "lib", "image"), Link("app", "db", "after"), Link("lib", "base", "image"),
        Link("web", "lib", "image"), Link("web", "base", "image"),
    ),
)  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = ('a"]; x --> y', "</text><script>alert(1)</script>", "a\\", 'b" -> "c', "\x1b[31mred", "&amp;", "#quot;")


def test_tree() -> None:
    assert (
        graph_text(DIAMOND, "text")
        == """\
app
├── lib
│   └── base
└── db  (only after it)
web
├── lib  (above)
└── base
"""
    )


def test_mermaid() -> None:
    assert (
        graph_text(DIAMOND, "mermaid")
        == """\
flowchart LR
    t0["app"]
    t1["lib"]
    t2["base"]
    t3["web"]
    t4["db"]
    t1 --> t0
    t4 -.-> t0
    t2 --> t1
    t1 --> t3
    t2 --> t3
"""
    )


def test_dot() -> None:
    lines = graph_text(DIAMOND, "dot").splitlines()
    assert (lines[0], lines[-1], lines[3]) == ("digraph bake {", "}", '  "app";')
    assert '  "db" -> "app" [style=dashed];' in lines and '  "base" -> "lib";' in lines


def test_json() -> None:
    found = json.loads(graph_text(DIAMOND, "json"))
    assert (found["version"], found["requested"]) == (1, ["app", "web"])
    assert found["targets"]["app"] == {"builds_on": ["lib"], "after": ["db"]}


def boxes(text: str) -> dict[str, tuple[float, float, float]]:
    """Name → x, y, width."""
    root = ElementTree.fromstring(text)
    found = {}
    for group in root.iter(f"{SVG}g"):
        rect, label = group.find(f"{SVG}rect"), group.find(f"{SVG}text")
        assert rect is not None and label is not None
        found[label.text or ""] = (float(rect.get("x", "")), float(rect.get("y", "")), float(rect.get("width", "")))
    return found


def test_svg_levels() -> None:
    text = graph_text(DIAMOND, "svg")
    places = boxes(text)
    assert places["base"][0] == places["db"][0] < places["lib"][0] < places["app"][0] == places["web"][0]
    assert places["app"][1] != places["web"][1]
    assert len(re.findall('class="after"', text)) == 1 and text.count('class="asked"') == 2
    assert "http" not in text.replace("http://www.w3.org/2000/svg", ""), "needs nothing from elsewhere"


@pytest.mark.parametrize("name", HOSTILE)
def test_names_break_out_of_nothing(name: str) -> None:
    hostile = Links((name,), (name, "base"), (Link(name, "base", "image"),))
    root = ElementTree.fromstring(graph_text(hostile, "svg"))
    assert {node.tag.removeprefix(SVG) for node in root.iter()} == {
        "svg", "title", "style", "defs", "marker", "path", "g", "rect", "text",
    }  # fmt: skip
    mermaid = graph_text(hostile, "mermaid").splitlines()
    assert len(mermaid) == 4 and re.fullmatch(r'    t0\["[^"<>\[\]&]*"\]', mermaid[1])
    dot = graph_text(hostile, "dot").splitlines()
    assert len(dot) == 7 and re.fullmatch(r'  "(?:[^"\\]|\\.)*";', dot[3])
    assert "\x1b" not in graph_text(hostile, "text")


def test_nothing_and_very_much() -> None:
    none = Links((), (), ())
    chain = Links(
        ("t2999",), tuple(f"t{n}" for n in range(3000)), tuple(Link(f"t{n + 1}", f"t{n}", "image") for n in range(2999))
    )
    for format in FORMATS:
        graph_text(none, format)
        assert "t2999" in graph_text(chain, format)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] > pair[1])))
def test_svg_places_no_two_boxes_on_each_other(pairs: list[tuple[int, int]]) -> None:
    names = tuple(f"t{n}" for n in range(10))
    found = Links((), names, tuple(Link(f"t{a}", f"t{b}", "image") for a, b in dict.fromkeys(pairs)))
    places = boxes(graph_text(found, "svg"))
    assert set(places) == set(names)
    assert len({place[:2] for place in places.values()}) == 10
    assert all(places[f"t{a}"][0] >= places[f"t{b}"][0] + places[f"t{b}"][2] for a, b in pairs)
    shown = [line.lstrip("│├└─ ").removesuffix("  (above)") for line in graph_text(found, "text").splitlines()]
    assert set(shown) == set(names)
