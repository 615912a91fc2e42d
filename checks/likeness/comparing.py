"""Whether two passages teach the same, and by how much: decided on the words themselves, never on an estimate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from checks.likeness.passages import Passage
from checks.likeness.words import NEGATIONS, UNIT_WORDS, Quantity, Words, both_of, has_digit, words_of

ALIKE = 0.72  # of the telling words of two pairs, and of their words as a whole
ALIKE_CONTEXTS = 0.8
_ALIKE_QUESTIONS = 0.6  # of their telling words, where the answers are alike as well
_SHORT = 25  # different words of a context of which none says the same twice
_SURE = 0.92  # of all words of two contexts: so alike, a name or a number that differs is an edit
_FEWEST_WORDS = 4  # telling ones; of fewer only the same words are the same
_FEWEST_OF_A_QUESTION = 4  # telling words of a question that is told by itself
_MOST_MATCHED = 40  # words that are compared letter by letter


class Degree(StrEnum):
    """In what way two passages are alike."""

    SAME = "same"  # word for word
    NEARLY = "nearly the same"
    ASKED = "asked already"  # the same question about the same, answered in another way


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two passages are; `share` of all their different words are in both, from 0 to 1."""

    degree: Degree
    share: float

    @property
    def in_words(self) -> str:
        """How alike, for people."""
        match self.degree:
            case Degree.SAME:
                return "word for word"
            case Degree.ASKED:
                return "with another answer"
        if self.share == 1.0:  # but for their order, or the spelling of some
            return "almost word for word"
        return f"almost word for word ({int(self.share * 100)} % of the words are the same)"


@dataclass(frozen=True, slots=True)
class _Matched:
    """Two sets of words held against each other: what is in both, and what is left over on either side."""

    shared: int
    left: frozenset[str]
    right: frozenset[str]

    @property
    def share(self) -> float:
        together = self.shared + len(self.left) + len(self.right)
        return self.shared / together if together else 1.0


def likeness(one: Passage, other: Passage) -> Likeness | None:
    """Return in what way two passages are alike; None where they teach different things.

    Two contexts are compared by their words. Two pairs are alike only about the same context: either none, or one
    that is alike itself.
    """
    if one.is_context != other.is_context:
        return None
    if one.is_context:
        return _of_contexts(words_of(one.context), words_of(other.context), ALIKE_CONTEXTS)
    if bool(one.context) != bool(other.context):
        return None
    found = _of_pairs(one, other)
    if found is None or (one.context and one.context != other.context and not _same_context(one, other)):
        return None
    return found


def rough_share(one: Passage, other: Passage) -> float:
    """Return how many of their telling words two passages share, from 0 to 1: what candidates are ranked by."""
    mine, theirs = telling_of(one), telling_of(other)
    return len(mine & theirs) / len(mine | theirs) if mine | theirs else 0.0


def telling_of(passage: Passage) -> frozenset[str]:
    """Return the telling words of a passage."""
    if passage.is_context:
        return words_of(passage.context).telling
    return words_of(passage.question).telling | words_of(passage.answer).telling


def _same_context(one: Passage, other: Passage) -> bool:
    return _of_contexts(words_of(one.context), words_of(other.context), ALIKE_CONTEXTS) is not None


def _of_contexts(one: Words, other: Words, least: float) -> Likeness | None:
    if one.order == other.order:
        return Likeness(Degree.SAME, 1.0)
    if min(len(one.telling), len(other.telling)) < _FEWEST_WORDS:
        return None
    every = _matched(one.every, other.every, one, other)
    if every.share < least or (every.share < _SURE and _is_otherwise(every, one, other)):
        return None
    is_short = min(len(one.every), len(other.every)) < _SHORT
    if is_short and (every.left & one.names or every.right & other.names):
        return None
    return Likeness(Degree.NEARLY, every.share)


def _of_pairs(one: Passage, other: Passage) -> Likeness | None:
    asked, asked_too = words_of(one.question), words_of(other.question)
    said, said_too = words_of(one.answer), words_of(other.answer)
    if asked.order == asked_too.order and said.order == said_too.order and asked.order:
        return Likeness(Degree.SAME, 1.0)
    whole, whole_too = both_of(one.question, one.answer), both_of(other.question, other.answer)
    if asked.order == asked_too.order and len(asked.telling) >= _FEWEST_OF_A_QUESTION:
        every = _matched(whole.every, whole_too.every, whole, whole_too)
        return Likeness(Degree.NEARLY if every.share >= ALIKE else Degree.ASKED, every.share)
    if min(len(whole.telling), len(whole_too.telling)) < _FEWEST_WORDS:
        return None
    question = _matched(
        asked.telling, asked_too.telling, asked, asked_too
    )  # fewest words, and most often different
    if question.share < _ALIKE_QUESTIONS or _asks_otherwise(question, whole, whole_too):
        return None
    every = _matched(whole.every, whole_too.every, whole, whole_too)
    if every.share < ALIKE:
        return None
    telling = _matched(whole.telling, whole_too.telling, whole, whole_too)
    if telling.share < ALIKE or _is_otherwise(telling, whole, whole_too):
        return None
    return Likeness(Degree.NEARLY, every.share)


def _asks_otherwise(question: _Matched, one: Words, other: Words) -> bool:
    """True when the questions differ in what they are about.

    That is a negation, a name, a number, a quoted word, or words that the rest of the pairs comes back to.
    """
    if (question.left | question.right) & NEGATIONS or question.left & one.names or question.right & other.names:
        return True
    return any(one.order.count(w) > 1 for w in question.left) and any(
        other.order.count(w) > 1 for w in question.right
    )


def _is_otherwise(telling: _Matched, one: Words, other: Words) -> bool:
    """True when each says a name or a number that the other has not: the same form about another thing."""
    return bool(telling.left & one.names) and bool(telling.right & other.names)


def _matched(mine: frozenset[str], theirs: frozenset[str], one: Words, other: Words) -> _Matched:
    """Hold words against each other, misspelt ones and translated quantities taken for the same."""
    shared, left, right = len(mine & theirs), set(mine - theirs), set(theirs - mine)
    if left and right and _tell_quantities(left | right) and one.quantities and other.quantities:
        shared += _translated(left, right, one.quantities, other.quantities)
    if left and right and len(left) <= _MOST_MATCHED and len(right) <= _MOST_MATCHED:
        shared += _misspelt(left, right, one, other)
    return _Matched(shared, frozenset(left), frozenset(right))


def _translated(left: set[str], right: set[str], one: tuple[Quantity, ...], other: tuple[Quantity, ...]) -> int:
    """Take the quantities out where both say the same ones; return how many words that makes the same."""
    same = all(any(a.is_close(b) for b in other) for a in one) and all(
        any(b.is_close(a) for a in one) for b in other
    )
    if not same:
        return 0
    mine, theirs = _tell_quantities(left), _tell_quantities(right)
    left -= mine
    right -= theirs
    return max(len(mine), len(theirs))


def _tell_quantities(words: set[str]) -> set[str]:
    return {word for word in words if word in UNIT_WORDS or has_digit(word)}


def _may_be_misspelt(words: set[str]) -> list[str]:
    return [word for word in sorted(words) if len(word) >= 4 and not has_digit(word)]


def _misspelt(left: set[str], right: set[str], one: Words, other: Words) -> int:
    """Take the words out that differ by a letter or two from one of the other side; return how many."""
    from rapidfuzz.distance import OSA

    mine, theirs = _may_be_misspelt(left), _may_be_misspelt(right)
    if not mine or not theirs:
        return 0
    found = 0
    codes = one.codes | other.codes
    others = [word for word in theirs if word not in codes]
    for word in mine:
        if word in codes:
            continue
        most = 2 if len(word) > 8 else 1
        near = (
            w
            for w in others
            if abs(len(w) - len(word)) <= most and OSA.distance(word, w, score_cutoff=most) <= most
        )
        if (meant := next(near, None)) is not None:
            left.discard(word)
            right.discard(meant)
            others.remove(meant)
            found += 1
    return found
