"""Builds: how the newest one ended, what it scored, and since when there is a good one."""

from __future__ import annotations

from bot.metrics.book import BOOK, REPOSITORY
from bot.nightly.builds import BuildState
from pipeline.evaluation_results import Scale
from pipeline.metering import Label

_BENCHMARK = Label("benchmark", "its name", most=50)
_SCALE = Label("scale", "`accuracy` from 0 to 1, others in the judge's points").of(scale.value for scale in Scale)
_STATE = Label("state", "how the build stands").of(state.value for state in BuildState)

LAST_GOOD = BOOK.shown(
    "last_good_build_timestamp_seconds", "When the last good build was finished, in seconds since 1970.", REPOSITORY
)
LAST_STATE = BOOK.shown("last_build_state", "1 for the state of the newest build.", REPOSITORY, _STATE)
SCORE = BOOK.shown(
    "build_score", "What the newest measured build scored in its gate.", REPOSITORY, _BENCHMARK, _SCALE
)
_BOUND = "bound of the 95 % interval of what changed against the build it was held against"
LOW = BOOK.shown("build_score_change_low", f"Lower {_BOUND}.", REPOSITORY, _BENCHMARK, _SCALE)
HIGH = BOOK.shown("build_score_change_high", f"Upper {_BOUND}.", REPOSITORY, _BENCHMARK, _SCALE)
