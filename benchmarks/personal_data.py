"""How exactly personal data and secrets are found: precision and recall on labelled texts of this project.

Run `python -m benchmarks.personal_data [--misses]`. Half of the texts are only measured, never tuned on, and
`--misses` shows none of those.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.labelled_texts import LabelledText, read_labelled
from checks.personal_data import DataKind, Detection, detect

SETS = {"personal_data": "personal data", "secrets": "keys and passwords"}
TARGET_PRECISION, TARGET_RECALL = 0.95, 0.90


@dataclass(frozen=True, slots=True)
class Score:
    """How many private stretches there are, how many were found, and how many findings were none."""

    texts: int
    private: int
    found: int
    wrong: int

    @property
    def precision(self) -> float:
        """The share of findings that were right."""
        return self.found / (self.found + self.wrong) if self.found else 0.0

    @property
    def recall(self) -> float:
        """The share of private stretches that were found."""
        return self.found / self.private

    @property
    def good(self) -> bool:
        """True when both targets are met."""
        return self.precision >= TARGET_PRECISION and self.recall >= TARGET_RECALL


def strong(text: str) -> list[Detection]:
    """Return what counts as an error: all but numbers that only may be phone numbers."""
    return [found for found in detect(text) if found.kind is not DataKind.POSSIBLE_PHONE]


def score(texts: Iterable[LabelledText]) -> Score:
    """Count over all these texts."""
    judged = [(labelled, strong(labelled.text)) for labelled in texts]
    return Score(
        texts=len(judged),
        private=sum(len(labelled.private) for labelled, _ in judged),
        found=sum(len(_reached(labelled, found)) for labelled, found in judged),
        wrong=sum(len(_wrong(labelled, found)) for labelled, found in judged),
    )


def misses(texts: Iterable[LabelledText]) -> Iterator[str]:
    """Yield a line for each stretch not found and each wrong finding, of the texts to tune on only."""
    for labelled in (text for text in texts if text.tuned_on):
        found = strong(labelled.text)
        for start, end in set(labelled.private) - _reached(labelled, found):
            yield f"not found: {labelled.text[start:end]!r} in {labelled.text!r}"
        for one in _wrong(labelled, found):
            yield f"wrong ({one.what}): {labelled.text[one.start : one.end]!r} in {labelled.text!r}"


def _reached(labelled: LabelledText, found: Sequence[Detection]) -> set[tuple[int, int]]:
    """Return the private stretches of which at least half is covered, so that masking leaves nothing of use."""
    return {(start, end) for start, end in labelled.private if _covered(start, end, found) * 2 >= end - start}


def _covered(start: int, end: int, found: Sequence[Detection]) -> int:
    return sum(max(0, min(end, one.end) - max(start, one.start)) for one in found)


def _wrong(labelled: LabelledText, found: Sequence[Detection]) -> list[Detection]:
    return [one for one in found if not any(one.start < end and start < one.end for start, end in labelled.private)]


def report(scores: dict[tuple[str, str], Score]) -> Iterator[str]:
    """Yield the result as a Markdown table."""
    yield f"| what | half | texts | private | precision (>= {TARGET_PRECISION}) | recall (>= {TARGET_RECALL}) |"
    yield "|---|---|---|---|---|---|"
    for (what, half), one in scores.items():
        counts = f"{one.texts} | {one.private}"
        yield (
            f"| {what} | {half} | {counts} | {one.precision:.3f} ({one.wrong} wrong) "
            f"| {one.recall:.3f} ({one.private - one.found} missed) |"
        )


def main() -> int:
    """Run the bench from the command line; exits 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--misses", action="store_true", help="show what goes wrong in the half to tune on")
    arguments = parser.parse_args()
    scores = {}
    for name, what in SETS.items():
        texts = read_labelled(name)
        if arguments.misses:
            print("\n".join(misses(texts)))
        scores[what, "tuned on"] = score(text for text in texts if text.tuned_on)
        scores[what, "only measured"] = score(text for text in texts if not text.tuned_on)
    print("\n".join(report(scores)))
    met = all(one.good for one in scores.values())
    print(f"\nTargets {'met' if met else 'missed'}.")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
