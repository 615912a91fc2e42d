"""What a leaf is about, guessed from signals that have to agree: what is asked, answered, and said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from checks.contribution import ROOTS, Leaf, QuestionAnswer
from checks.phrases import Phrase, PhraseBook, load, read_phrase, read_phrases, without_quotations, words_of
from checks.text_shapes import SHAPES
from checks.yaml_tree import Scalar

_LIST = "topics.yaml"
_HEAD, _TAIL = 45, 25  # words of a question in which it is asked; what stands between is what it is asked about
_ASKED, _ANSWERED, _TOLD, _SHAPE = 2.0, 0.8, 1.0, 0.6
_ENOUGH = 1.25
_BOTH = 2.0  # the folders and the task both say so, as plainly as can be
_FEWEST_PAIRS = 2  # that have to agree, where there are so many
_FACT = "fact"


@dataclass(frozen=True, slots=True)
class TopicGuess:
    """A topic that a leaf seems to be about, how sure that is, and the questions that say so, by their lines."""

    topic: str
    name: str
    score: float
    pairs: int
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Lists:
    names: Mapping[str, str]
    shapes: Mapping[str, tuple[str, ...]]
    questions: PhraseBook
    answers: PhraseBook
    tasks: PhraseBook


@dataclass(frozen=True, slots=True)
class _Said:
    """How strongly each topic is named by one pair."""

    asked: Mapping[str, float]
    answered: Mapping[str, float]


def topic_names() -> Mapping[str, str]:
    """Return what each topic is called."""
    return _lists().names


def guess_topics(leaf: Leaf, further: Mapping[str, Sequence[str]] | None = None) -> tuple[TopicGuess, ...]:
    """Return the topics that a leaf seems to be about, the surest first; mostly none.

    `further` are a community's own phrases of questions, by topic. Raises PhraseError for what is none.
    """
    lists = _lists(tuple((topic, tuple(phrases)) for topic, phrases in sorted((further or {}).items())))
    pairs = [pair for pair in leaf.pairs if pair.question or pair.answer]
    if not pairs:
        return ()
    said = [_said(pair, lists) for pair in pairs]
    told = {} if leaf.is_knowledge else _told(leaf, lists)
    guesses = (_guess(topic, lists.names[topic], pairs, said, told.get(topic, 0.0)) for topic in lists.names)
    return tuple(sorted((g for g in guesses if g is not None), key=lambda g: (-g.score, g.topic)))


def _guess(
    topic: str, name: str, pairs: Sequence[QuestionAnswer], said: Sequence[_Said], told: float
) -> TopicGuess | None:
    asked = [s.asked.get(topic, 0.0) for s in said]
    answered = [s.answered.get(topic, 0.0) for s in said]
    if told >= _BOTH and not any(asked) and not any(answered):
        return TopicGuess(topic, name, told, len(pairs), ())
    agreeing = [p for p, q, a in zip(pairs, asked, answered, strict=True) if q >= 0.5 or a >= 0.5]
    if len(agreeing) < min(_FEWEST_PAIRS, len(pairs)):
        return None
    score = (_ASKED * sum(asked) + _ANSWERED * sum(answered)) / len(pairs) + _TOLD * min(told, 1.0)
    if score < _ENOUGH:
        return None
    return TopicGuess(topic, name, round(score, 2), len(pairs), tuple(pair.line for pair in agreeing))


def _said(pair: QuestionAnswer, lists: _Lists) -> _Said:
    question, answer = _text(pair.question), _text(pair.answer)
    asked = _weights(lists.questions, _asking(words_of(without_quotations(question))))
    if asked.pop(_FACT, 0.0):
        asked = {}
    answered = _weights(lists.answers, words_of(without_quotations(answer)))
    for topic, shapes in lists.shapes.items():
        for shape in shapes:
            _strengthen(asked, answered, topic, SHAPES[shape], question, answer)
    return _Said(asked, answered)


def _strengthen(
    asked: dict[str, float],
    answered: dict[str, float],
    topic: str,
    has_shape: Callable[[str], bool],
    question: str,
    answer: str,
) -> None:
    """Count a text's form as half a word of it."""
    if has_shape(question):
        asked[topic] = max(asked.get(topic, 0.0), _SHAPE)
    if has_shape(answer):
        answered[topic] = max(answered.get(topic, 0.0), _SHAPE if topic not in asked else 1.0)


def _asking(words: tuple[str, ...]) -> tuple[str, ...]:
    return words if len(words) <= _HEAD + _TAIL else (*words[:_HEAD], "", *words[-_TAIL:])


def _told(leaf: Leaf, lists: _Lists) -> dict[str, float]:
    task = leaf.mapping.get("task_description") if leaf.mapping else None
    folders = " ".join(f for f in leaf.file.folder.split("/") if f not in ROOTS).replace("_", " ")
    found: dict[str, float] = {}
    for text in (_text(task) if isinstance(task, Scalar) else "", folders):
        weights = _weights(lists.tasks, words_of(text))
        for topic, weight in weights.items():
            found[topic] = found.get(topic, 0.0) + weight
    return {topic: weight for topic, weight in found.items() if f"not {topic}" not in found}


def _weights(book: PhraseBook, words: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for hit in book.search(words):
        found[hit.phrase.of] = max(found.get(hit.phrase.of, 0.0), hit.phrase.weight)
    return found


def _text(scalar: Scalar | None) -> str:
    return scalar.text.strip() if scalar else ""


@lru_cache(maxsize=8)
def _lists(further: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> _Lists:
    data = load(_LIST)
    topics, sets = data["topics"], data["sets"]
    own = [read_phrase(topic, written, 1.0, sets) for topic, phrases in further for written in phrases]
    facts = [read_phrase(_FACT, str(written), 1.0, sets) for written in data["facts"]]
    asked = (p for topic, held in topics.items() for p in read_phrases(topic, held["asked"], sets))
    answered = (p for topic, held in topics.items() for p in read_phrases(topic, held.get("answered", {}), sets))
    return _Lists(
        names={topic: str(held["name"]) for topic, held in topics.items()},
        shapes={topic: tuple(held.get("shapes", ())) for topic, held in topics.items()},
        questions=PhraseBook((*facts, *asked, *own)),
        answers=PhraseBook(answered),
        tasks=PhraseBook(_tasks(topics, sets)),
    )


def _tasks(topics: Mapping[str, Mapping[str, object]], sets: Mapping[str, Sequence[str]]) -> Iterator[Phrase]:
    for topic, held in topics.items():
        told, never = held["told"], held.get("told_not", ())
        if isinstance(told, Mapping) and isinstance(never, Iterable):
            yield from read_phrases(topic, told, sets)
            yield from (read_phrase(f"not {topic}", str(written), 1.0, sets) for written in never)
