"""Rule: nothing is taught twice: within a contribution, beside the taxonomy, or beside an older pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from checks.contribution import Contribution
from checks.findings import Cause, Elsewhere, Finding, Severity
from checks.likeness.comparing import Degree, Likeness, likeness, telling_of
from checks.likeness.passages import Passage, passages_of
from checks.policy import Policy
from checks.quoting import as_code
from checks.registry import rule

_WHY = "What is taught twice is weighed twice, and crowds out what only you could have added."
IN_CONTRIBUTION = Cause(
    "duplicates/in-contribution",
    "Something is asked twice in this contribution",
    "Examples that hardly differ teach the teacher model to repeat itself.",
    "Replace one of the two with an example that shows something else. Or take it out.",
)
IN_TREE = Cause(
    "duplicates/in-tree",
    "The taxonomy has this already",
    _WHY,
    "Look at what is there. If yours adds nothing to it, take it out; if it corrects it, change that file instead.",
)
IN_PULL_REQUEST = Cause(
    "duplicates/in-pull-request",
    "An older pull request brings this already",
    _WHY,
    "Look at that pull request. If both say the same, work on one of them together and close the other.",
)

_MOST_WORDS = 2_000_000  # that are compared within one contribution: about a second
_WORDS_OF_A_COMPARISON = 500  # as much work as looking up so many


@dataclass(frozen=True, slots=True)
class _Hit:
    """A passage of the leaf at `path`, and where something stands that is like it."""

    path: str
    own: Passage
    likeness: Likeness
    line: int
    other_path: str
    number: int = 0

    @property
    def weight(self) -> tuple[bool, bool, float]:
        return self.own.is_context, self.likeness.degree is not Degree.SAME, -self.likeness.share


@rule(
    "duplicates",
    title="Nothing is taught twice",
    why=_WHY,
    causes=(IN_CONTRIBUTION, IN_TREE, IN_PULL_REQUEST),
    order=95,
    since=date(2026, 11, 21),
)
def duplicates(contribution: Contribution, policy: Policy) -> Iterable[Finding]:
    """Return one finding for each pair of places that say the same, at the passage that is most alike."""
    del policy
    inside = [_inside(hits) for hits in _by_place(_within(contribution))]
    around = [_around(hits) for hits in _by_place(_beside(contribution))]
    return [*inside, *around]


def _within(contribution: Contribution) -> Iterator[_Hit]:
    """Yield what is said twice in the contribution: at the later place, with the first that is like it.

    Of contributions that are huge only a part is compared.
    """
    seen: list[tuple[str, Passage, frozenset[str]]] = []
    told = _Told()
    work = 0
    for leaf in contribution.leaves:
        for passage in passages_of(leaf):
            if passage.is_context and not passage.is_knowledge:
                continue
            telling = telling_of(passage)
            for path, other, words in seen:
                fewer = min(len(telling), len(words))
                work += fewer + 5
                if 2 * len(telling & words) <= fewer or told.elsewhere(leaf.path, passage, path, other):
                    continue
                work += _WORDS_OF_A_COMPARISON
                if (found := likeness(passage, other)) is not None:
                    yield _Hit(leaf.path, passage, found, other.line, path)
                    break
            seen.append((leaf.path, passage, telling))
            if work > _MOST_WORDS:
                return


class _Told:
    """What other rules tell of; each text is folded once."""

    def __init__(self) -> None:
        self._folded: dict[str, str] = {}

    def elsewhere(self, path: str, one: Passage, other_path: str, other: Passage) -> bool:
        """True for a context, or one question about one context, that a file holds twice."""
        if path != other_path:
            return False
        return one.is_context or (
            self._same(one.question, other.question) and self._same(one.context, other.context)
        )

    def _same(self, one: str, other: str) -> bool:
        return one == other or self._fold(one) == self._fold(other)

    def _fold(self, text: str) -> str:
        if text not in self._folded:
            self._folded[text] = " ".join(text.casefold().split())
        return self._folded[text]


def _beside(contribution: Contribution) -> Iterator[_Hit]:
    """Yield what the taxonomy or an older pull request has already; what stands in both is told of the taxonomy."""
    in_tree: set[tuple[str, int]] = set()
    for neighbour in sorted(contribution.neighbours or (), key=lambda n: n.number):
        own = (neighbour.path, neighbour.own.line)
        if neighbour.number and own in in_tree:
            continue
        if (found := likeness(neighbour.own, neighbour.other)) is None:
            continue
        if not neighbour.number:
            in_tree.add(own)
        yield _Hit(
            neighbour.path, neighbour.own, found, neighbour.other.line, neighbour.other_path, neighbour.number
        )


def _by_place(hits: Iterable[_Hit]) -> list[list[_Hit]]:
    """Return the hits of each leaf in each other place, of every passage only the likeliest, that one first."""
    best: dict[tuple[str, int], _Hit] = {}
    for hit in hits:
        own = (hit.path, hit.own.line)
        if own not in best or hit.weight < best[own].weight:
            best[own] = hit
    groups: dict[tuple[str, str, int], list[_Hit]] = {}
    for hit in best.values():
        groups.setdefault((hit.path, hit.other_path, hit.number), []).append(hit)
    return [sorted(group, key=lambda hit: hit.weight) for group in groups.values()]


def _inside(hits: Sequence[_Hit]) -> Finding:
    first = hits[0]
    if first.other_path == first.path:
        where = f"on line {first.line}"
    else:
        where = f"in {as_code(first.other_path, 150)} on line {first.line}"
    return _finding(IN_CONTRIBUTION, hits, where)


def _around(hits: Sequence[_Hit]) -> Finding:
    first = hits[0]
    place = f"{as_code(first.other_path, 150)}, line {first.line}"
    if first.number:
        return _finding(IN_PULL_REQUEST, hits, f"in pull request #{first.number} ({place})")
    return _finding(IN_TREE, hits, f"in the taxonomy ({place})")


def _finding(cause: Cause, hits: Sequence[_Hit], where: str) -> Finding:
    first = hits[0]
    if first.own.is_context:
        what = "This context stands"
    elif first.likeness.degree is Degree.ASKED:
        what = "This question is asked"
    else:
        what = "This question and its answer stand"
    message = f"{what} {where} already, {first.likeness.in_words}."
    if len(hits) > 1:
        more = len(hits) - 1
        message += f" So {'does' if more == 1 else 'do'} {more} more of this file."
    place = None if cause is IN_CONTRIBUTION else Elsewhere(first.other_path, first.line, first.number)
    return Finding(cause, Severity.WARNING, message, first.path, first.own.line, 1, elsewhere=place)
