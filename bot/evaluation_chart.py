"""A chart of an evaluation: before and after on one line each, with the interval of the change; light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterator
from xml.sax.saxutils import escape

from pipeline.evaluation_results import BenchmarkRow, EvaluateResult, Scale, Verdict

MEDIA_TYPE = "image/svg+xml"
_MOST_ROWS, _LONGEST_NAME = 12, 34
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 720, 250, 70, 34, 40
_STYLE = (
    "text{font:13px -apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}"
    ".faint{fill:#59636e;font-size:11px}.grid{stroke:#d1d9e0}.link{stroke:#59636e;stroke-width:2}"
    ".before{fill:#fff;stroke:#59636e;stroke-width:2}.span{opacity:.25}"
    ".improved{fill:#1a7f37}.regressed{fill:#cf222e}.even{fill:#59636e}"
    "@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.faint{fill:#9198a1}.grid{stroke:#3d444d}"
    ".link{stroke:#9198a1}.before{fill:#0d1117;stroke:#9198a1}.span{opacity:.4}"
    ".improved{fill:#3fb950}.regressed{fill:#f85149}.even{fill:#9198a1}}"
)
_CLASSES = {Verdict.IMPROVED: "improved", Verdict.REGRESSED: "regressed"}


def evaluation_chart(result: EvaluateResult) -> str:
    """Return an SVG of at most twelve benchmarks. Its text says what it shows, for those who listen to it."""
    rows = result.rows[:_MOST_ROWS]
    height = _TOP + _ROW * max(1, len(rows)) + 26
    said = "; ".join(f"{row.name}: {_value(row, row.base)} to {_value(row, row.tuned)}" for row in rows)
    body = "".join(_axis(height)) + "".join("".join(_drawn(row, at)) for at, row in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" aria-labelledby="t d">'
        f'<title id="t">{_text(f"Before and after: {result.verdict}")}</title>'
        f'<desc id="d">{_text(said)}</desc><style>{_STYLE}</style>{body}</svg>\n'
    )


def _axis(height: int) -> Iterator[str]:
    yield f'<text class="faint" x="{_LEFT}" y="16">○ before   ● after   ▬ 95 % interval of the change</text>'
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = _x(share)
        yield f'<line class="grid" x1="{x}" y1="{_TOP - 6}" x2="{x}" y2="{height - 24}"/>'
        yield f'<text class="faint" x="{x}" y="{height - 8}" text-anchor="middle">{share:.0%}</text>'


def _drawn(row: BenchmarkRow, at: int) -> Iterator[str]:
    y = _TOP + _ROW * at + _ROW // 2
    style = _CLASSES.get(row.verdict, "even")
    before, after = _share(row, row.base), _share(row, row.tuned)
    low, high = (_share(row, row.base + change) for change in (row.low, row.high))
    name = row.name if len(row.name) <= _LONGEST_NAME else row.name[: _LONGEST_NAME - 1] + "…"
    shots = f", {row.shots}-shot" if row.scale is Scale.ACCURACY else ", of 10"
    yield f'<text x="{_LEFT - 14}" y="{y}" text-anchor="end">{_text(name)}</text>'
    yield f'<text class="faint" x="{_LEFT - 14}" y="{y + 14}" text-anchor="end">{row.n} questions{shots}</text>'
    width = max(2.0, round(_x(high) - _x(low), 1))
    yield f'<rect class="span {style}" x="{_x(low)}" y="{y - 8}" width="{width}" height="16" rx="3"/>'
    yield f'<line class="link" x1="{_x(before)}" y1="{y}" x2="{_x(after)}" y2="{y}"/>'
    yield f'<circle class="before" cx="{_x(before)}" cy="{y}" r="5"/>'
    yield f'<circle class="{style}" cx="{_x(after)}" cy="{y}" r="6"/>'
    yield f'<text x="{_WIDTH - _RIGHT + 12}" y="{y + 4}">{_text(_value(row, row.tuned))}</text>'


def _share(row: BenchmarkRow, value: float) -> float:
    """Return where a value lies between the least and the most that there can be."""
    least = 0.0 if row.scale is Scale.ACCURACY else 1.0
    share = (value - least) / row.scale.span
    return min(1.0, max(0.0, share)) if math.isfinite(share) else 0.0


def _x(share: float) -> float:
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def _value(row: BenchmarkRow, value: float) -> str:
    return f"{value:.0%}" if row.scale is Scale.ACCURACY else f"{value:.1f}"


def _text(said: str) -> str:
    """Return text as XML takes it: escaped, without what XML has no sign for."""
    return escape("".join(c if c.isprintable() else " " for c in said))
