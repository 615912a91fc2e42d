"""Ratings by rules: which words an answer shares with a document, with its question, with what was expected.

No word of what is judged comes back in the reply, so nobody can write a rating for the judge.
"""

from __future__ import annotations

import re

from pipeline.tiny.dice import Dice
from pipeline.tiny.gap import GAP
from pipeline.tiny.items import read_items
from pipeline.tiny.prompt import Prompt
from pipeline.tiny.reading import WORD, Sentence, alike, negates, numbers, sentences, share, stems, visible
from pipeline.tiny.skills import UNKNOWN

_POINTS_AT_TEXT = re.compile(
    r"\b(?:the|this|that|these) (?:given |following |above |provided )?(?:text|document|passage|paragraph|article"
    r"|context|excerpt|table|section|author)\b|\b(?:above|aforementioned|as stated|mentioned earlier)\b"
    r"|\b(?:de[rm]|im|dieser|diesem) (?:Text|Dokument|Abschnitt|Artikel)\b|\b(?:le|ce) (?:texte|document|passage)\b"
    r"|\b(?:el|este) (?:texto|documento|pasaje)\b",
    re.IGNORECASE,
)
_PRONOUNS = frozenset(
    "he she it they him them his its their hers theirs this these those er sie il elle ils él ella".split()  # noqa: SIM905
)
_QUANTITY = re.compile(
    r"\b(?:when|how many|how much|how old|how long|which year|which number|what year|wann|wie viele|quand)\b"
)
_FRAMING = stems(
    "which word name year number belongs gap tell know please help like think something said happened kind "
    "goes comes mind told together connect somebody speaks missing"
)
_HARMLESS_LENGTH = 4000


def judge_faithful(prompt: Prompt, _dice: Dice) -> str:
    """Say whether the document supports the answer."""
    document = prompt.text("DOCUMENT", "CONTEXT")
    if is_supported(prompt.text("ANSWER"), document):
        return _rated("The document says all of it.", "YES")
    return _rated("Not all of it is in the document.", "NO")


def is_supported(answer: str, document: str) -> bool:
    """Return whether nearly all words and every number of the answer are in the document, most in one place."""
    said, told = stems(answer), sentences(document)
    known = frozenset().union(*(sentence.stems for sentence in told))
    if not said or share(said, known) < 0.8 or not numbers(answer) <= numbers(document):
        return False
    best = _most_alike(said, told)
    return best is not None and share(said, best.stems) >= 0.4 and negates(answer) <= negates(best.text)


def judge_relevant(prompt: Prompt, _dice: Dice) -> str:
    """Rate from 0 to 2 how well the answer fits the question."""
    rating = relevance(prompt.text("QUESTION"), prompt.text("ANSWER"))
    return _rated(
        ("It speaks of something else.", "It answers a part.", "It answers what was asked.")[rating], rating
    )


def relevance(question: str, answer: str) -> int:
    """Return 2 where the answer speaks of what is asked, 1 where of a part, 0 where of none of it."""
    asked, said = stems(question) - _FRAMING, stems(answer)
    if not said or answer.strip() == UNKNOWN:
        return 0
    shared = share(asked, said)
    if GAP in question:
        return 2 if shared >= 0.75 else int(shared >= 0.4)
    if _QUANTITY.search(question.casefold()) and not numbers(answer) and shared < 0.6:
        return int(shared >= 0.4)
    return 2 if shared >= 0.4 else int(shared > 0.15)


def judge_alone(prompt: Prompt, _dice: Dice) -> str:
    """Say whether the question is understood without anything else before one."""
    if stands_alone(prompt.text("QUESTION")):
        return _rated("It names what it asks about.", 1)
    return _rated("It points at something that is not there.", 0)


def stands_alone(question: str) -> bool:
    """Return whether a question points at no text, and has no pronoun before it has named anything."""
    question = visible(question)
    if _POINTS_AT_TEXT.search(question):
        return False
    named = 0
    for word in WORD.findall(question):
        if word.casefold() in _PRONOUNS and named < 2:
            return False
        named += bool(stems(word) - _FRAMING)
    return named > 0


def judge_question(prompt: Prompt, _dice: Dice) -> str:
    """Say whether the question is one to practise with: whole, new, and about what is taught."""
    question = prompt.text("QUESTION").strip()
    asked = stems(question)
    examples = [item.question for item in read_items(prompt.text("EXAMPLES"))]
    near = stems(prompt.text("CONTEXT")) or frozenset().union(*map(stems, [*examples, prompt.text("SKILL")]))
    if len(WORD.findall(question)) < 3 or len(question) > _HARMLESS_LENGTH:
        return _rated("It is no whole question.", 0)
    if question in examples:
        return _rated("It repeats an example.", 0)
    if not asked & near:
        return _rated("It has nothing to do with what is taught.", 0)
    return _rated("It fits.", 1)


def judge_pair(prompt: Prompt, _dice: Dice) -> str:
    """Rate from 1 to 3 an answer as an example to learn from."""
    question, answer, context = prompt.text("QUESTION"), prompt.text("ANSWER"), prompt.text("CONTEXT")
    fits = relevance(question, answer)
    if context:
        fits = min(2, fits + 1) if is_supported(answer, context) else 0
    elif stems(question) == stems(answer):
        fits = 0
    return _rated(("It is no answer.", "It could be fuller.", "It is right and clear.")[fits], fits + 1)


def judge_answer(prompt: Prompt, _dice: Dice) -> str:
    """Rate from 1 to 10 an answer: by the reference where there is one, else by the question."""
    answer = prompt.text("ANSWER")
    if reference := prompt.text("REFERENCE"):
        rating = 1 + round(9 * alike(stems(reference), stems(answer)))
    else:
        rating = (1, 5, 8)[relevance(prompt.question, answer)]
    return _rated("It was compared word by word.", rating)


def judge_pairwise(prompt: Prompt, _dice: Dice) -> str:
    """Say which of two answers shares more words with the reference, or with the question where there is none."""
    wanted = stems(prompt.text("REFERENCE") or prompt.question)
    a, b = (round(alike(wanted, stems(prompt.text(name))), 6) for name in ("ANSWER_A", "ANSWER_B"))
    return _rated("They were compared word by word.", "A" if a > b else "B" if b > a else "C")


def _most_alike(said: frozenset[str], told: tuple[Sentence, ...]) -> Sentence | None:
    return max(told, key=lambda sentence: share(said, sentence.stems), default=None)


def _rated(why: str, rating: object) -> str:
    return f"{why}\n[[{rating}]]"
