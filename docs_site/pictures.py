"""Shows a diagram as SVG with what is said on its arrows as a list below: no script, no font, no other host."""

from __future__ import annotations

from html import escape
from typing import Any

from docs_site.ladder import LINE, Arrow, Box, Ladder, laid_out
from docs_site.mermaid import Diagram, read

_ROUND = 8.0
_HEAD = 6.0


def fence(source: str, language: str, css_class: str, options: Any, md: Any, **_: Any) -> str:
    """Return the HTML of a fenced diagram, as the Markdown extension asks for it."""
    return picture(source)


def picture(source: str) -> str:
    """Return the HTML of a diagram: the picture, and its arrows in words. Raises DiagramError."""
    diagram = read(source)
    ladder = laid_out(diagram)
    return f'<figure class="ladder">{svg(ladder)}{_words(diagram, ladder)}</figure>'


def svg(ladder: Ladder) -> str:
    """Return the picture alone; colours come from the page."""
    parts = [_arrow(arrow) for arrow in ladder.arrows]
    parts += [_box(box) for box in ladder.boxes.values()]
    parts += [_number(arrow) for arrow in ladder.arrows if arrow.number]
    size = f'viewBox="0 0 {ladder.width:g} {ladder.height:g}" width="{ladder.width:g}" height="{ladder.height:g}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-hidden="true">{"".join(parts)}</svg>'


def _words(diagram: Diagram, ladder: Ladder) -> str:
    items = []
    for arrow in ladder.arrows:
        if arrow.number:
            ends = f"{_name(diagram, arrow.edge.source)} → {_name(diagram, arrow.edge.target)}"
            items.append(f"<li><strong>{escape(ends)}</strong>: {escape('; '.join(arrow.edge.said))}</li>")
    return f"<ol>{''.join(items)}</ol>" if items else ""


def _name(diagram: Diagram, node: str) -> str:
    return next(iter(diagram.nodes[node]), "start")


def _box(box: Box) -> str:
    if not box.text:
        x, y = box.x + box.width / 2, box.y + box.height / 2
        return f'<circle class="start" cx="{x:g}" cy="{y:g}" r="{box.height / 2:g}"/>'
    x = box.x + box.width / 2
    y = box.y + box.height / 2 - (len(box.text) - 1) * LINE / 2
    lines = "".join(
        f'<tspan x="{x:g}" y="{y + n * LINE:g}">{escape(line)}</tspan>' for n, line in enumerate(box.text)
    )
    frame = f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="8"/>'
    return f'{frame}<text dominant-baseline="central" text-anchor="middle">{lines}</text>'


def _arrow(arrow: Arrow) -> str:
    if len(arrow.points) == 2:
        (x, top), (_, bottom) = arrow.points
        head = f"M{x - _HEAD:g} {bottom - _HEAD:g}L{x:g} {bottom:g}L{x + _HEAD:g} {bottom - _HEAD:g}"
        return f'<path d="M{x:g} {top:g}V{bottom:g}{head}"/>'
    (x0, y0), (lane, _), _, (x1, y1) = arrow.points
    outward = 1 if lane > x0 else -1
    downward = 1 if y1 > y0 else -1
    line = (
        f"M{x0:g} {y0:g}H{lane - outward * _ROUND:g}Q{lane:g} {y0:g} {lane:g} {y0 + downward * _ROUND:g}"
        f"V{y1 - downward * _ROUND:g}Q{lane:g} {y1:g} {lane - outward * _ROUND:g} {y1:g}H{x1:g}"
    )
    tip = x1 + outward * _HEAD
    return f'<path d="{line}M{tip:g} {y1 - _HEAD:g}L{x1:g} {y1:g}L{tip:g} {y1 + _HEAD:g}"/>'


def _number(arrow: Arrow) -> str:
    x, y = arrow.middle
    return (
        f'<circle class="number" cx="{x:g}" cy="{y:g}" r="9.5"/>'
        f'<text class="number" x="{x:g}" y="{y:g}" dominant-baseline="central" text-anchor="middle">'
        f"{arrow.number}</text>"
    )
