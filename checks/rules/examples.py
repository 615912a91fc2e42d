"""Rule: seed examples are different from each other, and say enough."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from checks.contribution import Contribution, Leaf, QuestionAnswer
from checks.findings import Cause, Finding, Severity
from checks.likeness.words import UNSPACED
from checks.phrases import words_of
from checks.policy import Policy
from checks.readable import mapping_leaves
from checks.registry import rule
from checks.yaml_tree import Scalar

SHORT = Cause(
    "examples/very-short",
    "Most questions and answers are very short",
    "The teacher model writes what resembles the seed examples; from single words it learns little.",
    "Write whole questions and whole answers, as people would.",
)
SAME_FRAME = Cause(
    "examples/same-frame",
    "All questions and answers are one sentence with a word exchanged",
    "The teacher model would write the same sentence a thousand times, and the student would learn little else.",
    "Ask in different ways, and about different sides of the topic.",
)
CHAT = Cause(
    "examples/chat-turns",
    "Questions and answers are written as turns of a chat",
    "Who speaks is known from `question` and `answer`; the labels would be learned as part of the text.",
    "Remove the names of the speakers, and what only a chat says. Keep the question and the answer themselves.",
)

_SHORT_PAIR, _SHORT_SHARE = 4, 0.75  # words of a question and its answer together
_FEWEST_ALIKE, _ALIKE_SHARE = 5, 0.9
_FEWEST_FRAME_WORDS = 3
_MOST_EXCHANGED = 1  # word
_TURN = re.compile(
    r"\s*(?:user|human|assistant|ai|bot|chatbot|system|customer bot|prompt|response)\s?:\s", re.IGNORECASE
)
_LABELLED_TURNS = re.compile(
    r"<\|(?:user|assistant|system|im_start)\|?>|\[/?INST\]|^### (?:Instruction|Response):", re.MULTILINE
)
_OPENING = re.compile(
    r"\s*(?:sure|certainly|of course|absolutely|(?:great|good) question)\s?[!,.]\s+(?:here|i |i'd|let|that|the)",
    re.IGNORECASE,
)
_FEWEST_TURNS = 2
_LONGEST = 2_000

Words = tuple[str, ...]


@rule(
    "examples",
    title="Seed examples are complete and differ from each other",
    why="A few examples stand for thousands: what they share, everything made of them will share.",
    causes=(CHAT, SAME_FRAME, SHORT),
    order=65,
    since=date(2026, 11, 21),
)
def find(contribution: Contribution, policy: Policy) -> Iterator[Finding]:
    """Report leaves whose pairs are very short, all alike, or turns of a chat: one finding each a file."""
    for leaf in mapping_leaves(contribution, policy):
        pairs = [pair for pair in leaf.pairs if _text(pair.question).strip() and _text(pair.answer).strip()]
        if pairs:
            yield from _chat(leaf, pairs)
            yield from _same_frame(leaf, pairs)
            yield from _short(leaf, pairs)


def _chat(leaf: Leaf, pairs: Sequence[QuestionAnswer]) -> Iterator[Finding]:
    turns = [pair for pair in pairs if _is_turn(pair)]
    if len(turns) >= min(_FEWEST_TURNS, len(pairs)):
        message = f"{len(turns)} of {len(pairs)} questions and answers name their speaker or begin as a chat does."
        yield _finding(CHAT, Severity.WARNING, leaf, turns[0], message)


def _is_turn(pair: QuestionAnswer) -> bool:
    question, answer = _text(pair.question), _text(pair.answer)
    if _LABELLED_TURNS.search(answer) or _LABELLED_TURNS.search(question):
        return True
    return bool(_TURN.match(question) or _TURN.match(answer) or _OPENING.match(answer))


def _same_frame(leaf: Leaf, pairs: Sequence[QuestionAnswer]) -> Iterator[Finding]:
    enough = max(_FEWEST_ALIKE, _ALIKE_SHARE * len(pairs))
    if len(pairs) < enough:
        return
    questions = _alike([words_of(_text(pair.question)) for pair in pairs], enough)
    if questions < enough:
        return
    answers = _alike([words_of(_text(pair.answer)) for pair in pairs], enough)
    if answers >= enough:
        message = f"{min(questions, answers)} of {len(pairs)} questions and answers differ in one word only."
        yield _finding(SAME_FRAME, Severity.WARNING, leaf, pairs[0], message)


def _alike(texts: Sequence[Words], enough: float) -> int:
    """Return how many texts share the most frequent beginning and end, with one word between at most.

    Where they are fewer than `enough`, that may be 0: every frame holds the first word of a text, or the last.
    """
    if all(_most_frequent(words[at] for words in texts if words) < enough for at in (0, -1)):
        return 0
    best = 0
    for shape in (_but_the_end, _but_the_start, _but_the_middle):
        counts: dict[tuple[str, ...], int] = {}
        for words in texts:
            for frame in set(shape(words)):
                counts[frame] = counts.get(frame, 0) + 1
        best = max(best, *counts.values(), 0)
    return best


def _most_frequent(words: Iterable[str]) -> int:
    return max(Counter(words).values(), default=0)


def _but_the_end(words: Words) -> Iterator[tuple[str, ...]]:
    for left_out in range(_MOST_EXCHANGED + 1):
        yield from _frame(words[: len(words) - left_out], ())


def _but_the_start(words: Words) -> Iterator[tuple[str, ...]]:
    for left_out in range(1, _MOST_EXCHANGED + 1):
        yield from _frame((), words[left_out:])


def _but_the_middle(words: Words) -> Iterator[tuple[str, ...]]:
    for at in range(1, min(len(words), 12)):
        for left_out in range(1, _MOST_EXCHANGED + 1):
            yield from _frame(words[:at], words[at + left_out :])


def _frame(start: Words, end: Words) -> Iterator[tuple[str, ...]]:
    if len(start) + len(end) >= _FEWEST_FRAME_WORDS:
        yield (*start, "…", *end)


def _short(leaf: Leaf, pairs: Sequence[QuestionAnswer]) -> Iterator[Finding]:
    short = [pair for pair in pairs if _words(pair) <= _SHORT_PAIR]
    if len(short) > 1 and len(short) >= _SHORT_SHARE * len(pairs):
        message = f"{len(short)} of {len(pairs)} questions have {_SHORT_PAIR} words or fewer, the answer included."
        yield _finding(SHORT, Severity.NOTICE, leaf, short[0], message)


def _words(pair: QuestionAnswer) -> int:
    return sum(_length(_text(said)) for said in (pair.question, pair.answer))


def _length(text: str) -> int:
    """Return how many words a text has; where a script sets no blanks, every two characters are one."""
    unspaced = len(UNSPACED.findall(text))
    return max(len(text.split()), unspaced // 2)


def _text(scalar: Scalar | None) -> str:
    return scalar.text[:_LONGEST] if scalar else ""


def _finding(cause: Cause, severity: Severity, leaf: Leaf, pair: QuestionAnswer, message: str) -> Finding:
    mark = pair.question.mark if pair.question else pair.node.mark
    return Finding(cause, severity, message, leaf.path, mark.line, mark.column)
