"""Diagrams become pictures: every box and every arrow, none across another box, and no foreign words as markup."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree

import pytest

from bot.workflow_page import page as workflow_page
from docs_site.ladder import Arrow, Box, Ladder, laid_out
from docs_site.mermaid import DiagramError, Edge, read
from docs_site.pictures import picture, svg
from docs_site.reference.diagrams import job_diagram
from tests.docs.sources import blocks

DRAWN = {f"{block.page} {n}": block.code for n, block in enumerate(blocks()) if block.language == "mermaid"}
SMALL = 'flowchart TD\n    a["first<br/>box"] -->|says| b["second"]\n    b --> c\n    c --> a\n'


def test_nodes_and_edges_are_read() -> None:
    "In the order of their first mention."
    diagram = read(SMALL)
    assert diagram.nodes == {"a": ("first", "box"), "b": ("second",), "c": ("c",)}
    assert diagram.edges == (Edge("a", "b", ("says",)), Edge("b", "c"), Edge("c", "a"))


def test_the_start_of_states_stands_first() -> None:
    "Wherever it is mentioned."
    diagram = read(
        "stateDiagram-v2\n    new : is new\n    old : old\n    new --> old : time<br/>wear\n    [*] --> new\n"
    )
    assert list(diagram.nodes) == ["[*]", "new", "old"]
    assert diagram.edges[0] == Edge("new", "old", ("time", "wear"))


@pytest.mark.parametrize(
    "source",
    ["gantt\n", "flowchart TD\n    a ==> b\n", "stateDiagram-v2\n    state x {\n"],
    ids=["kind", "arrow", "nesting"],
)
def test_what_is_not_understood_is_refused(source: str) -> None:
    "A diagram that would be drawn in part is not drawn."
    with pytest.raises(DiagramError):
        read(source)


def crosses(arrow: Arrow, box: Box) -> bool:
    "True where a line of the arrow runs through the inside of the box."
    for (x0, y0), (x1, y1) in zip(arrow.points, arrow.points[1:], strict=False):
        left, right = sorted((x0, x1))
        top, bottom = sorted((y0, y1))
        if left < box.x + box.width and right > box.x and top < box.y + box.height and bottom > box.y:
            return True
    return False


def lanes(ladder: Ladder) -> list[tuple[float, float, float]]:
    "The long upright lines: where, from, to."
    return [
        (arrow.points[1][0], *sorted((arrow.points[1][1], arrow.points[2][1])))
        for arrow in ladder.arrows
        if len(arrow.points) == 4
    ]


@pytest.mark.parametrize("name", DRAWN)
def test_every_diagram_of_the_docs_is_drawn_cleanly(name: str) -> None:
    "All boxes and arrows, no arrow through a box, no two arrows on one line, nothing outside the picture."
    diagram = read(DRAWN[name])
    ladder = laid_out(diagram)
    assert ladder.boxes.keys() == diagram.nodes.keys()
    assert [arrow.edge for arrow in ladder.arrows] == list(diagram.edges)
    assert [(a.edge, b.text) for a in ladder.arrows for b in ladder.boxes.values() if crosses(a, b)] == []
    for (x, top, bottom), (other_x, other_top, other_bottom) in combinations(lanes(ladder), 2):
        assert x != other_x or bottom < other_top or other_bottom < top
    for arrow in ladder.arrows:
        assert all(0 < x < ladder.width and 0 < y < ladder.height for x, y in arrow.points)
    numbers = [arrow.number for arrow in ladder.arrows if arrow.edge.said]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_picture_is_sound_and_always_the_same() -> None:
    "It is XML with a box for each state, and its words are beside it."
    first = picture(job_diagram())
    assert first == picture(job_diagram())
    (drawn,) = re.findall(r"<svg.*</svg>", first)
    root = ElementTree.fromstring(drawn)
    assert len(root.findall("{http://www.w3.org/2000/svg}rect")) == 8
    assert "<strong>queued → running</strong>: a worker asks and gets the lease" in first


def test_words_are_no_markup() -> None:
    "Whatever stands in a box or on an arrow."
    html = picture('flowchart TD\n    a["<script>x"] -->|<b>bold| b["c"]\n')
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;b&gt;bold" in html
    assert "script" in svg(laid_out(read('flowchart TD\n    a["<script>x"] --> b\n')))


def test_the_page_of_the_workflow_has_what_it_is_drawn_from() -> None:
    "Both of its diagrams are among those that were drawn above."
    assert workflow_page().count("```mermaid") == sum(name.startswith("workflow.md") for name in DRAWN) == 2
