"""What a question asks for: a fact of the world, or that something be done with words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from checks.contribution import QuestionAnswer
from checks.phrases import load, without_quotations, words_of

_LIST = "question_words.yaml"
_ASKS_FACT = re.compile(
    r"(?:(?:in |on |at )?(?:what|which)|who|whom|whose|when|where|why|is|are|was|were|did|does|do|has|have"
    r"|how (?:many|much|long|old|tall|far|big|large|high|deep|often|fast|did|was|were|is|are|does|do|has|have)"
    r"|name|list|define|describe|explain|state|tell me (?:about|who|what|when|where|how|which))\b"
)
_POLITE = re.compile(
    r"(?:please|kindly|can you|could you|would you|will you|i want you to|help me|hey|hi|so|now)[, ]+(?:to )?"
)
_DO = frozenset(load(_LIST)["instructions"])
_DO_IN_KNOWLEDGE = _DO - frozenset(load(_LIST)["of_documents"])
_ABOUT_WORDS = re.compile(
    r"\b(?:synonym|antonym|opposite|plural|singular|past tense|rhymes?|spell|spelled|spelt|letters?|vowels?"
    r"|syllables?|sentences?|paragraph|passage|(?:the|this) text|word for|words?|adjectives?|adverbs?|verbs?|nouns?"
    r"|grammar|tense|translation|in (?:french|spanish|german|italian|english|hindi|latin)|the following|below|above"
    r"|of these|this|these|given|suppose|imagine|if)\b",
    re.IGNORECASE,
)
_OF_A_PERSON = re.compile(r"\b(?:i|i'm|i've|my|me|we|our|you|your)\b", re.IGNORECASE)
_YEAR_OR_NUMBER = re.compile(
    r"\b\d[\d,.]*\b|\b(?:century|million|billion|hundred|thousand|percent)\b", re.IGNORECASE
)
_PROPER = re.compile(r"(?<![.!?:\n] )(?<!^)\b[A-Z][\w'-]*[a-z][\w'-]*|\b[A-Z]{2,}\b")
_COMMON = frozenset(load(_LIST)["common"])
_HOW_TO = re.compile(r"how (?:do|can|should|would) (?:i|you|we|one)\b|how to\b")


def asks_for_fact(pair: QuestionAnswer, subject: str = "") -> bool:
    """True for a question about the world whose answer has to be known.

    It holds names, years or numbers, or is about `subject`, a word that all questions share.
    """
    question = pair.question.text.strip()[:1000] if pair.question else ""
    answer = pair.answer.text.strip()[:1000] if pair.answer else ""
    spoken = _POLITE.sub("", question.casefold(), count=1)
    if not question or not _ASKS_FACT.match(spoken) or _HOW_TO.match(spoken):
        return False
    plain = without_quotations(question)
    if _ABOUT_WORDS.search(plain) or _OF_A_PERSON.search(spoken.removeprefix("tell me")) or "\n" in question:
        return False
    if subject and subject in words_of(question):
        return True
    return bool(
        _PROPER.search(question) or _PROPER.search(answer) or _YEAR_OR_NUMBER.search(f"{question} {answer}")
    )


def asks_to_do(pair: QuestionAnswer) -> bool:
    """True for a question that has something done with words, where knowing the document is no help."""
    question = pair.question.text.strip()[:1000] if pair.question else ""
    words = words_of(_POLITE.sub("", question.casefold(), count=1))[:1]
    return bool(words) and words[0] in _DO_IN_KNOWLEDGE


def is_instruction(pair: QuestionAnswer) -> bool:
    """True for a question that begins with something to do."""
    question = pair.question.text.strip()[:1000] if pair.question else ""
    words = words_of(_POLITE.sub("", question.casefold(), count=1))[:1]
    return bool(words) and words[0] in _DO


def shared_subject(pairs: Iterable[QuestionAnswer]) -> str:
    """Return a word that more than half of the questions have in common, empty where there is none."""
    counts: Counter[str] = Counter()
    total = 0
    for pair in pairs:
        total += 1
        if pair.question:
            counts.update(
                {
                    w
                    for w in words_of(without_quotations(pair.question.text[:1000]))
                    if w not in _COMMON and len(w) > 2
                }
            )
    word, count = counts.most_common(1)[0] if counts else ("", 0)
    return word if count * 2 > total and total > 1 else ""
