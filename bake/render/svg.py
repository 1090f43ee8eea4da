"""The graph of targets as a picture: one SVG file that needs nothing else, laid out in levels from left to right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from bake.plan.dependencies import Links
from bake.render.sanitize import clean
from bake.render.width import cells

_CHARACTER, _HEIGHT = 7.3, 28
_PADDING, _GAP_X, _GAP_Y, _MARGIN = 12, 56, 14, 16
_STYLE = """
text { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: #1f2328 }
rect { fill: #f6f8fa; stroke: #8c959f }
.asked rect { stroke: #0969da; stroke-width: 2 }
path { fill: none; stroke: #8c959f; stroke-width: 1.2 }
.after { stroke-dasharray: 4 3 }
marker path { fill: #8c959f; stroke: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } rect { fill: #21262d; stroke: #6e7681 } .asked rect { stroke: #58a6ff }
}
""".strip()
_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0,0 L8,4 L0,8 z"/></marker></defs>'
)


@dataclass(frozen=True, slots=True)
class _Box:
    """Where a target stands, in pixels."""

    x: float
    y: float
    width: float

    @property
    def middle(self) -> float:
        return self.y + _HEIGHT / 2


def svg(found: Links) -> str:
    """What is built first stands on the left; dashed lines are those that only order."""
    boxes = _placed(_levels(found))
    width = max((box.x + box.width for box in boxes.values()), default=0) + _MARGIN
    height = max((box.y + _HEIGHT for box in boxes.values()), default=0) + _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:.0f} {height:.0f}"'
        f' width="{width:.0f}" height="{height:.0f}">',
        "<title>targets and what they build on</title>",
        f"<style>{_STYLE}</style>",
        _ARROW,
        *_lines(found, boxes),
        *_nodes(found, boxes),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _levels(found: Links) -> list[list[str]]:
    """Each target one level right of the last that it uses; within a level near to what it uses."""
    import networkx

    graph = networkx.DiGraph()
    graph.add_nodes_from(found.targets)
    graph.add_edges_from((link.used, link.user) for link in found.links)
    place: dict[str, float] = {}
    levels: list[list[str]] = []
    for names in networkx.topological_generations(graph):
        level = sorted(names, key=lambda name: _mean([place[used] for used in graph.predecessors(name)]))
        place |= {name: at / len(level) for at, name in enumerate(level)}
        levels.append(level)
    return levels


def _mean(places: Sequence[float]) -> float:
    return sum(places) / len(places) if places else 0.0


def _placed(levels: Sequence[Sequence[str]]) -> dict[str, _Box]:
    """Levels are columns, each as wide as its longest name and centred on the tallest."""
    tallest = max((len(level) for level in levels), default=0)
    boxes: dict[str, _Box] = {}
    x = float(_MARGIN)
    for level in levels:
        width = max(cells(clean(name)) for name in level) * _CHARACTER + 2 * _PADDING
        y = _MARGIN + (tallest - len(level)) * (_HEIGHT + _GAP_Y) / 2
        for at, name in enumerate(level):
            boxes[name] = _Box(x, y + at * (_HEIGHT + _GAP_Y), width)
        x += width + _GAP_X
    return boxes


def _lines(found: Links, boxes: Mapping[str, _Box]) -> Iterator[str]:
    for link in found.links:
        start, end = boxes[link.used], boxes[link.user]
        x, bend = start.x + start.width, (end.x - start.x - start.width) / 2
        kind = ' class="after"' if link.kind == "after" else ""
        yield (
            f'<path{kind} marker-end="url(#arrow)" d="M{x:.1f},{start.middle:.1f}'
            f' C{x + bend:.1f},{start.middle:.1f} {end.x - bend:.1f},{end.middle:.1f} {end.x:.1f},{end.middle:.1f}"/>'
        )


def _nodes(found: Links, boxes: Mapping[str, _Box]) -> Iterator[str]:
    for name, box in boxes.items():
        asked = ' class="asked"' if name in found.requested else ""
        yield (
            f'<g{asked}><rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{_HEIGHT}" rx="4"/>'
            f'<text x="{box.x + _PADDING:.1f}" y="{box.middle + 4:.1f}">{escape(clean(name))}</text></g>'
        )
