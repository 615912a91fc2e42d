"""Whatever a worker sends, what is kept of it fits the database and stays readable."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.job_bounds import bounded
from pipeline.contract import Artifact, Ending, JobReport, LogLevel, LogLine, Outcome, Progress


def a_report(text: str, lines: int = 1, share: float = 0.5) -> JobReport:
    "A report that says the same everywhere."
    log = tuple(LogLine(n, LogLevel.INFO, f"{n} {text}") for n in range(lines))
    files = (Artifact("x", "ab" * 32, 1),) * 1000
    outcome = Outcome(Ending.INFRA_ERROR, text, artifacts=files)
    return JobReport(3, 1, "worker-1", 1, "secret", Progress(share, text), log, outcome)


@given(st.text() | st.text(min_size=1).map(lambda text: text * 5_000), st.floats(allow_nan=False))
def test_everything_fits(text: str, share: float) -> None:
    "Stage, message, lines and the number of files; what is short enough stays as it is."
    kept = bounded(a_report(text, share=share))
    assert kept.progress is not None
    assert kept.outcome is not None
    assert 0 <= kept.progress.share <= 1
    assert len(kept.progress.stage) <= 200
    assert len(kept.outcome.message) <= 2_000
    assert len(kept.outcome.artifacts) == 1_000
    assert len(kept.log[0].text) <= 4_000
    assert len(kept.log[0].text.splitlines()) <= 1
    assert bounded(kept) == kept


def test_of_very_many_lines_the_first_and_the_last_are_kept() -> None:
    "And it is said how many are missing between them."
    kept = bounded(a_report("x", lines=50_000)).log
    assert len(kept) == 2_001
    assert (kept[0].text, kept[-1].text) == ("0 x", "49999 x")
    assert kept[1_000].text == "… 48000 lines of this report are left out …"
