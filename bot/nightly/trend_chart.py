"""A chart of how scores moved over the last builds: a small panel for each benchmark, light and dark."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

MEDIA_TYPE = "image/svg+xml"
_MOST_PANELS, _MOST_POINTS, _LONGEST_NAME = 8, 30, 40
_WIDTH, _PANEL, _LEFT, _RIGHT, _TOP = 720, 78, 210, 80, 10
_STYLE = (
    "text{font:13px -apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}"
    ".faint{fill:#59636e;font-size:11px}.grid{stroke:#d1d9e0}.range{stroke:#0969da;stroke-opacity:.35;stroke-width:6}.line{fill:none;stroke:#0969da;stroke-width:2}"
    ".dot{fill:#0969da}.now{fill:#fff;stroke:#0969da;stroke-width:3}"
    "@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.faint{fill:#9198a1}.grid{stroke:#3d444d}"
    ".line,.range{stroke:#4493f8}.dot{fill:#4493f8}.now{fill:#0d1117;stroke:#4493f8}}"
)


@dataclass(frozen=True, slots=True)
class Point:
    """The score of one build, by the build's name. `n` questions were asked; 95 of 100 times it is in the interval."""

    build: str
    score: float
    n: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Trend:
    """One benchmark over the builds, oldest first; the last point is the build that is reported."""

    name: str
    points: tuple[Point, ...]


def trend_chart(trends: Sequence[Trend]) -> str:
    """Return an SVG of at most eight benchmarks and thirty builds each. Its text says what it shows.

    A line breaks where the number of questions changed: such scores do not compare.
    """
    shown = [Trend(each.name, each.points[-_MOST_POINTS:]) for each in trends[:_MOST_PANELS] if each.points]
    height = _TOP + _PANEL * max(1, len(shown)) + 10
    said = "; ".join(f"{each.name}: {each.points[0].score:.3f} to {each.points[-1].score:.3f}" for each in shown)
    body = "".join("".join(_panel(each, _TOP + _PANEL * at)) for at, each in enumerate(shown))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" aria-labelledby="t d"><title id="t">Scores of the last builds</title>'
        f'<desc id="d">{_text(said)}</desc><style>{_STYLE}</style>{body}</svg>\n'
    )


def _panel(trend: Trend, top: int) -> Iterator[str]:
    values = [point.score for point in trend.points]
    low = min(value for point in trend.points for value in (point.score, point.low) if value is not None)
    high = max(value for point in trend.points for value in (point.score, point.high) if value is not None)
    bottom = top + _PANEL - 26
    name = trend.name if len(trend.name) <= _LONGEST_NAME else trend.name[: _LONGEST_NAME - 1] + "…"
    last = trend.points[-1]
    yield f'<text x="{_LEFT - 14}" y="{top + 26}" text-anchor="end">{_text(name)}</text>'
    yield f'<text class="faint" x="{_LEFT - 14}" y="{top + 42}" text-anchor="end">{last.n} questions</text>'
    for edge, value in ((top + 8, high), (bottom, low)):
        yield f'<line class="grid" x1="{_LEFT}" y1="{edge}" x2="{_WIDTH - _RIGHT}" y2="{edge}"/>'
        yield f'<text class="faint" x="{_WIDTH - _RIGHT + 8}" y="{edge + 4}">{value:.3f}</text>'
    places = [
        (_x(at, len(values)), _y(value, low, high, top + 8, bottom), point.n)
        for at, (value, point) in enumerate(zip(values, trend.points, strict=True))
    ]
    for (x, _, _), point in zip(places, trend.points, strict=True):
        if point.low is not None and point.high is not None:
            ends = (_y(value, low, high, top + 8, bottom) for value in (point.low, point.high))
            yield '<line class="range" x1="{0}" y1="{1}" x2="{0}" y2="{2}"/>'.format(x, *ends)
    for before, after in itertools.pairwise(places):
        if before[2] == after[2]:
            yield f'<polyline class="line" points="{before[0]},{before[1]} {after[0]},{after[1]}"/>'
    for x, y, _ in places[:-1]:
        yield f'<circle class="dot" cx="{x}" cy="{y}" r="3"/>'
    yield f'<circle class="now" cx="{places[-1][0]}" cy="{places[-1][1]}" r="5"/>'
    yield f'<text class="faint" x="{_LEFT}" y="{bottom + 16}">{_text(trend.points[0].build)}</text>'
    if len(places) > 1:
        yield (
            f'<text class="faint" x="{_WIDTH - _RIGHT}" y="{bottom + 16}" text-anchor="end">{_text(last.build)}'
            f": {last.score:.3f}</text>"
        )


def _x(at: int, count: int) -> float:
    share = at / (count - 1) if count > 1 else 0.5
    return round(_LEFT + 6 + share * (_WIDTH - _LEFT - _RIGHT - 12), 1)


def _y(value: float, low: float, high: float, top: int, bottom: int) -> float:
    share = (value - low) / (high - low) if high > low else 0.5
    return round(bottom - share * (bottom - top), 1)


def _text(said: str) -> str:
    """Return text as XML takes it: escaped, without what XML has no sign for."""
    return escape("".join(c if c.isprintable() else " " for c in said))
