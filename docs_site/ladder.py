"""Lays a diagram out as a ladder: boxes below one another, arrows down on the right of them, arrows up on the left.

Each arrow has a lane of its own, and none crosses a box, however many there are. *Units*: pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from docs_site.mermaid import Diagram, Edge

LANE = 26  # between two lanes
PORT = 15  # between two arrows on a side of a box
GAP = 46  # between two boxes
LEAST_HEIGHT = 40
LINE = 17  # of text
MARGIN = 14
_CHARACTER = 7.4
_LEAST_WIDTH = 120
_BELOW = 17  # a box: where the number of a straight arrow stands


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its text and its place."""

    text: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow along `points`; `number` (0: none) stands at the middle and leads to what is said of it."""

    edge: Edge
    points: tuple[tuple[float, float], ...]
    number: int

    @property
    def middle(self) -> tuple[float, float]:
        """Where its number stands."""
        if len(self.points) == 2:
            x, top = self.points[0]
            return x, top + _BELOW
        (x, first), (_, last) = self.points[1:3]
        return x, (first + last) / 2


@dataclass(frozen=True, slots=True)
class Ladder:
    """All of a picture."""

    boxes: Mapping[str, Box]
    arrows: tuple[Arrow, ...]
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class _Lane:
    edge: Edge
    top: int
    bottom: int
    is_down: bool
    place: int  # 0 is next to the boxes


def laid_out(diagram: Diagram) -> Ladder:
    """Return where everything of the diagram goes; the same diagram always looks the same."""
    order = {node: place for place, node in enumerate(diagram.nodes)}
    straight = _straight(diagram.edges, order)
    lanes = _lanes([edge for edge in diagram.edges if edge not in straight], order)
    lefts = max((lane.place + 1 for lane in lanes.values() if not lane.is_down), default=0)
    rights = max((lane.place + 1 for lane in lanes.values() if lane.is_down), default=0)
    width = max(
        _LEAST_WIDTH, *(len(line) * _CHARACTER + 28 for text in diagram.nodes.values() for line in (*text, ""))
    )
    ports = _ports(lanes.values(), order)
    left = MARGIN + lefts * LANE
    boxes = _boxes(diagram.nodes, ports, left, width)
    numbers = _numbers(diagram.edges)
    arrows = [
        _down(edge, boxes, numbers[edge]) if edge in straight else _around(lanes[edge], boxes, ports, numbers[edge])
        for edge in diagram.edges
    ]
    last = list(boxes.values())[-1]
    return Ladder(boxes, tuple(arrows), left + width + rights * LANE + MARGIN, last.y + last.height + MARGIN)


def _straight(edges: Iterable[Edge], order: Mapping[str, int]) -> set[Edge]:
    """The arrows that lead to the box below."""
    return {edge for edge in edges if order[edge.target] == order[edge.source] + 1}


def _lanes(edges: Iterable[Edge], order: Mapping[str, int]) -> dict[Edge, _Lane]:
    """Give each arrow the innermost lane that is free all along it, short arrows first."""
    found: dict[Edge, _Lane] = {}
    for edge in sorted(edges, key=lambda e: (abs(order[e.source] - order[e.target]), order[e.source])):
        top, bottom = sorted((order[edge.source], order[edge.target]))
        is_down = order[edge.target] > order[edge.source]
        taken = {
            lane.place
            for lane in found.values()
            if lane.is_down is is_down and lane.top <= bottom and top <= lane.bottom
        }
        place = next(n for n in range(len(found) + 1) if n not in taken)
        found[edge] = _Lane(edge, top, bottom, is_down, place)
    return found


def _ports(lanes: Iterable[_Lane], order: Mapping[str, int]) -> dict[tuple[str, bool], list[tuple[Edge, bool]]]:
    """For each side of a box (True: right), which ends of arrows are there, from top to bottom.

    Ends whose lane leads up come first, inner lanes first; then those whose lane leads down, outer lanes first:
    so no arrow crosses one of its neighbours.
    """
    ends: dict[tuple[str, bool], list[tuple[tuple[int, int], Edge, bool]]] = {}
    for lane in lanes:
        for node, is_start in ((lane.edge.source, True), (lane.edge.target, False)):
            leads_down = order[node] == lane.top
            key = (1, -lane.place) if leads_down else (0, lane.place)
            ends.setdefault((node, lane.is_down), []).append((key, lane.edge, is_start))
    return {
        side: [(edge, is_start) for _, edge, is_start in sorted(found, key=lambda one: one[0])]
        for side, found in ends.items()
    }


def _boxes(
    nodes: Mapping[str, Sequence[str]],
    ports: Mapping[tuple[str, bool], Sequence[object]],
    left: float,
    width: float,
) -> dict[str, Box]:
    boxes, y = {}, float(MARGIN)
    for node, text in nodes.items():
        most = max(len(ports.get((node, is_right), ())) for is_right in (True, False))
        height = max(LEAST_HEIGHT if text else 20, most * PORT + 14, len(text) * LINE + 18)
        boxes[node] = Box(tuple(text), left, y, width, height)
        y += height + GAP
    return boxes


def _numbers(edges: Iterable[Edge]) -> dict[Edge, int]:
    said = [edge for edge in edges if edge.said]
    return dict.fromkeys(edges, 0) | {edge: number for number, edge in enumerate(said, 1)}


def _down(edge: Edge, boxes: Mapping[str, Box], number: int) -> Arrow:
    above, below = boxes[edge.source], boxes[edge.target]
    x = above.x + above.width / 2
    return Arrow(edge, ((x, above.y + above.height), (x, below.y)), number)


def _around(
    lane: _Lane,
    boxes: Mapping[str, Box],
    ports: Mapping[tuple[str, bool], list[tuple[Edge, bool]]],
    number: int,
) -> Arrow:
    def port(node: str, is_start: bool) -> tuple[float, float]:
        box, ends = boxes[node], ports[node, lane.is_down]
        middle = ends.index((lane.edge, is_start)) - (len(ends) - 1) / 2
        return box.x + box.width * lane.is_down, box.y + box.height / 2 + middle * PORT

    start, end = port(lane.edge.source, True), port(lane.edge.target, False)
    x = start[0] + (lane.place + 1) * LANE * (1 if lane.is_down else -1)
    return Arrow(lane.edge, (start, (x, start[1]), (x, end[1]), end), number)
