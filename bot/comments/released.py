"""What each contributor hears once: what the first published build with their contribution did with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from bot.comments.escape import code, escape, short
from pipeline.evaluation_results import LEAST_FACTS, LEAST_QUESTIONS, BenchmarkRow, Scale, Verdict

_LONGEST_NOTE = 300
_MORE = (
    "How it is measured: questions about your contribution that the model was never trained on, asked of the model "
    "before and after. The interval is where the true change lies in 95 of 100 such measurements."
)


def released(
    author: str,
    build: str,
    night: date,
    row: BenchmarkRow | None,
    *,
    measured_in: str = "",
    stands_in: str = "",
    is_removal: bool = False,
) -> str:
    """Return the comment. `row` is what was measured of the contribution, None where nothing was.

    `measured_in` is the build that first held it, if that one was not published itself. `is_removal` for one that
    only took something out.
    """
    return "\n\n".join(_parts(author, build, night, row, measured_in, stands_in, is_removal=is_removal)) + "\n"


def _parts(
    author: str,
    build: str,
    night: date,
    row: BenchmarkRow | None,
    measured_in: str,
    stands_in: str,
    *,
    is_removal: bool,
) -> Iterator[str]:
    day = f"{night.day} {night:%B %Y}"
    if is_removal:
        yield "### What you took out is out of the model now"
        yield (
            f"Thank you, {code(author)}! The build of {day} ({code(build)}) is the first published one without it: "
            "the model was trained anew, and never saw it."
        )
        return
    yield _heading(row)
    yield (
        f"Thank you, {code(author)}! The build of {day} ({code(build)}) is the first published one that your "
        "contribution is part of."
    )
    if stands_in:
        yield (
            f"> The numbers are of stand-ins ({escape(short(stands_in, _LONGEST_NOTE))}): they show that "
            "everything works together, and nothing about a real model."
        )
    if row is None:
        yield (
            "No questions about it were kept back to measure with, so this build cannot say what the model learned "
            "from it. It was trained on all the same. There is nothing that you have to do."
        )
        return
    was_earlier = measured_in not in ("", build)
    earlier = " That is the first build that learned it, which was not published itself." if was_earlier else ""
    yield f"In build {code(measured_in or build)}: your contribution {_figures(row)}.{earlier}"
    yield _in_plain_words(row)
    if row.verdict is not Verdict.TOO_FEW:
        yield f"<sub>{_MORE}</sub>"


def _heading(row: BenchmarkRow | None) -> str:
    if row is not None and row.verdict is Verdict.IMPROVED:
        return "### 🎉 The model has learned from your contribution"
    return "### Your contribution is in the model now"


def _figures(row: BenchmarkRow) -> str:
    if row.scale is Scale.ACCURACY:
        before, after = f"{row.base:.2f}", f"{row.tuned:.2f}"
    else:
        before, after = f"{row.base:.1f}", f"{row.tuned:.1f} of 10"
    if row.verdict is Verdict.TOO_FEW:
        return f"{before} → {after}, on too few questions to tell"
    return f"**{before} → {after}** ({_signed(row.delta)}, 95 % {_signed(row.low)} to {_signed(row.high)})"


def _signed(difference: float) -> str:
    told = f"{difference:+.2f}"
    return told.lstrip("+-") if float(told) == 0 else told.replace("-", "\N{MINUS SIGN}")


def _in_plain_words(row: BenchmarkRow) -> str:
    match row.verdict:
        case Verdict.IMPROVED:
            return f"{_what_it_does(row)} That is more than chance would do: it learned this from you."
        case Verdict.REGRESSED:
            return (
                f"{_what_it_does(row)} So it got worse at this, and more than by chance. That need not be the "
                "fault of your contribution: everything in a build is learned together, and one thing can push out "
                "another. The maintainers see the same numbers. You need not do anything; if you would like to "
                "help, look whether another leaf says the opposite of yours, and tell us here."
            )
        case Verdict.UNCHANGED:
            return (
                f"{_what_it_does(row)} A difference as small as this can be chance, so we do not call it a change. "
                "Often the model knew most of it before, or needs more examples to learn it. Your contribution "
                "stays in, and every build learns from it again. There is nothing that you have to do."
            )
    asked = "1 question" if row.n == 1 else f"{row.n} questions"
    facts = "1 fact" if row.facts == 1 else f"{row.facts} facts"
    return (
        f"There were {asked} about {facts} in it. Below {LEAST_QUESTIONS} questions or {LEAST_FACTS} facts a lucky "
        "guess weighs too much, so we say neither that it helped nor that it did not. It is in the model all the "
        "same. More seed examples in a later pull request would give more questions."
    )


def _what_it_does(row: BenchmarkRow) -> str:
    if row.scale is Scale.ACCURACY:
        before, after = round(100 * row.base), round(100 * row.tuned)
        return f"Of 100 questions about it the model now answers about {after} right; before, it was {before}."
    return f"A judge gives its answers about it {row.tuned:.1f} of 10 now; before, it was {row.base:.1f}."
