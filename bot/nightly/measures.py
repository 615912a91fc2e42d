"""Scores and differences in words and figures: shares as such, a judge's scores of ten, intervals with a sign."""

from __future__ import annotations

import math

from pipeline.evaluation_results import BenchmarkRow, GateRow, Scale


def value(score: float, scale: Scale) -> str:
    """Return a score: 0.712 of right answers, or 7.12 of a judge's ten."""
    return f"{score:.3f}" if scale is Scale.ACCURACY else f"{score:.2f}"


def change(difference: float, places: int = 2) -> str:
    """Return a difference with its sign; what rounds to nothing has none."""
    told = f"{difference:+.{places}f}"
    return told.lstrip("+-") if float(told) == 0 else told.replace("-", "\N{MINUS SIGN}")


def interval(row: BenchmarkRow | GateRow, places: int = 2) -> str:
    """Return the 95 % interval of a difference."""
    return f"{change(row.low, places)} to {change(row.high, places)}"


def margin(row: GateRow) -> str:
    """Return how far a benchmark may fall, without a sign."""
    return f"{row.margin:.3f}" if row.scale is Scale.ACCURACY else f"{row.margin:.2f}"


def score_interval(share: float, n: int) -> str:
    """Return the 95 % interval of a share of right answers in words; empty where nothing was asked."""
    if n <= 0:
        return ""
    low, high = share_interval(share, n)
    return f"{low:.2f} to {high:.2f}"


def share_interval(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of `n` right answers; all there is where nothing was asked.

    Source: E. B. Wilson, Probable inference, JASA 22 (1927).
    """
    if n <= 0:
        return 0.0, 1.0
    z, share = 1.96, min(1.0, max(0.0, share))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def duration(seconds: float) -> str:
    """Return a time that something took, to the minute from ten minutes on."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
