"""How far trainings with other seeds differ: measured from few of them, so held against what is to be expected.

A standard deviation from two trainings is often far too small. It is pooled with what so many questions lead one
to expect, which counts like one from five. Source of the pooling: G. K. Smyth, Statistical Applications in Genetics
and Molecular Biology 3 (2004), article 3, the moderated t. Standard library only: bot and workers share it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, variance

from pipeline.evaluation_results import Scale

_EXPECTED_FREEDOM = 4
_SHARED = 0.75  # of what decides about an answer, trainings with other seeds have in common
_SCORE_VARIANCE = 4.0  # of a judge's scores of single answers, in points of ten
_EDGE = 0.05  # of the accuracy: one nearer to 0 or 1 is not believed to vary as little as it seems to
_MOST_FREEDOM = 60  # beyond, trainings of long ago only hold up what newer ones tell


@dataclass(frozen=True, slots=True)
class SeedNoise:
    """The standard deviation between trainings, as measured with so many degrees of freedom; 0: not measured."""

    deviation: float = 0.0
    freedom: int = 0

    def pooled(self, scores: Sequence[float]) -> SeedNoise:
        """Return it with what trainings of another build tell, each with another seed."""
        freedom = self.freedom + max(0, len(scores) - 1)
        if freedom == self.freedom:
            return self
        squares = self.freedom * self.deviation**2 + (len(scores) - 1) * variance(scores)
        return SeedNoise(math.sqrt(squares / freedom), min(freedom, _MOST_FREEDOM))

    def expected(self, scale: Scale, score: float, n: int, of: int = 0) -> Spread:
        """Return how far the mean of `n` questions differs between trainings; measured it was with `of` of them."""
        share = min(max(score, _EDGE), 1 - _EDGE)
        single = share * (1 - share) if scale is Scale.ACCURACY else _SCORE_VARIANCE
        prior = (1 - _SHARED) * single / n
        measured = self.deviation**2 * (of or n) / n
        freedom = _EXPECTED_FREEDOM + self.freedom
        return Spread(math.sqrt((_EXPECTED_FREEDOM * prior + self.freedom * measured) / freedom), freedom)


@dataclass(frozen=True, slots=True)
class Spread:
    """A standard deviation, and how well it is known."""

    deviation: float
    freedom: int

    def reach(self, share: float) -> float:
        """Return what chance does not exceed in so large a share of cases, upwards."""
        return t_quantile(share, self.freedom) * self.deviation


def t_quantile(share: float, freedom: float) -> float:
    """Return the quantile of Student's t. Source: Abramowitz and Stegun, 26.7.5; three digits from 7 degrees on."""
    z = NormalDist().inv_cdf(share)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(z + sum(term / freedom**power for power, term in enumerate(terms, start=1)))
