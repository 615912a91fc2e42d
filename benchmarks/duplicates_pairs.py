"""How many pairs of passages are called alike that are, and that are not: on pairs which people have labelled."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from checks.likeness.comparing import likeness
from checks.likeness.passages import Passage

PAIRS = Path(__file__).parent / "labelled" / "duplicates.yaml"
GOAL_PRECISION = 0.9


@dataclass(frozen=True, slots=True)
class Labelled:
    """Two passages, and whether a careful reader says that one of them is one too many."""

    one: Passage
    other: Passage
    same: bool
    why: str


@dataclass(frozen=True, slots=True)
class Score:
    """What came of comparing labelled pairs."""

    found: tuple[Labelled, ...]
    missed: tuple[Labelled, ...]
    wrong: tuple[Labelled, ...]
    negatives: int

    @property
    def precision(self) -> float:
        """Of the pairs called alike, how many are."""
        return len(self.found) / max(1, len(self.found) + len(self.wrong))

    @property
    def recall(self) -> float:
        """Of the pairs that are alike, how many are called so."""
        return len(self.found) / max(1, len(self.found) + len(self.missed))


def labelled_pairs(path: Path = PAIRS) -> list[Labelled]:
    """Read the labelled pairs."""
    return [
        Labelled(_passage(item["one"]), _passage(item["other"]), item["same"], item["why"])
        for item in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def score(pairs: Sequence[Labelled]) -> Score:
    """Compare them all, each both ways: alike means alike either way."""
    alike = [likeness(p.one, p.other) is not None and likeness(p.other, p.one) is not None for p in pairs]
    told = list(zip(pairs, alike, strict=True))
    return Score(
        tuple(pair for pair, is_alike in told if pair.same and is_alike),
        tuple(pair for pair, is_alike in told if pair.same and not is_alike),
        tuple(pair for pair, is_alike in told if not pair.same and is_alike),
        sum(not pair.same for pair in pairs),
    )


def main() -> None:
    """Print precision and recall, and every pair that was judged wrongly."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    found = score(labelled_pairs())
    print(f"pairs: {len(found.found) + len(found.missed)} alike, {found.negatives} not")
    print(f"precision {found.precision:.3f} (goal {GOAL_PRECISION}), recall {found.recall:.3f}")
    for name, pairs in (("called alike, and is not", found.wrong), ("alike, and not called so", found.missed)):
        for pair in pairs:
            print(f"  {name} ({pair.why}): {pair.one.question} | {pair.other.question}")
    if found.precision < GOAL_PRECISION:
        raise SystemExit(1)


def _passage(told: Sequence[str]) -> Passage:
    question, answer, *context = told
    return Passage(1, question, answer, context[0] if context else "")


if __name__ == "__main__":
    main()
