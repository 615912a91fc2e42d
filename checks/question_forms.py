"""What a question asks for: a fact of the world, or that something be done with words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from checks.contribution import QuestionAnswer
from checks.phrases import without_quotations, words_of

_ASKS_FACT = re.compile(
    r"(?:who|whom|whose|when|where|which|what|how (?:many|much|long|old|tall|far|big|large|high|deep|often|fast|did|was"
    r"|were|is|are|does|do|has|have)|why|in (?:what|which)|on (?:what|which)|at (?:what|which)|is|are|was|were|did|does|do"
    r"|has|have|name|list|define|describe|explain|tell me|state)\b"
)
_POLITE = re.compile(
    r"(?:please|kindly|can you|could you|would you|will you|i want you to|help me|hey|hi|so|now)[, ]+(?:to )?"
)
_DO = frozenset(
    "rewrite rephrase reword paraphrase summarize summarise summarise translate write compose draft generate create "
    "convert classify categorize categorise label extract correct fix edit proofread sort arrange order rearrange "
    "reformat format shorten expand simplify turn transform make change replace remove add combine merge split "
    "reverse rank continue complete finish fill suggest recommend brainstorm invent imagine pretend act roleplay "
    "respond reply answer convey compute calculate solve count find identify highlight capitalize capitalise "
    "punctuate abbreviate expand adapt improve polish outline plan design tag annotate parse spell choose pick select "
    "match compare decide determine determine evaluate rate judge give craft render express reduce encode decode "
    "create produce prepare organize organise group".split()
)
_DO_IN_KNOWLEDGE = _DO - frozenset(
    "identify give compare outline find determine evaluate complete answer name suggest choose calculate count match".split()
)
_ABOUT_WORDS = re.compile(
    r"\b(?:synonym|antonym|opposite|plural|singular|past tense|rhymes?|spell|spelled|spelt|letters?|vowels?|syllables?"
    r"|sentences?|paragraph|passage|the text|this text|word for|words?|adjectives?|adverbs?|verbs?|nouns?|grammar|tense"
    r"|translation|in (?:french|spanish|german|italian|english|hindi|latin)|the following|below|above|of these|this"
    r"|these|given|suppose|imagine|if)\b",
    re.IGNORECASE,
)
_OF_A_PERSON = re.compile(r"\b(?:i|i'm|i've|my|me|we|our|you|your)\b", re.IGNORECASE)
_YEAR_OR_NUMBER = re.compile(
    r"\b\d[\d,.]*\b|\b(?:century|million|billion|hundred|thousand|percent)\b", re.IGNORECASE
)
_PROPER = re.compile(r"(?<![.!?:\n] )(?<!^)\b[A-Z][\w'-]*[a-z][\w'-]*|\b[A-Z]{2,}\b")
_COMMON = frozenset(
    "the a an of in on to and or for by with from at as is are was were be been what which who whom whose when where why "
    "how many much did do does has have had it its their his her that this these there name list describe explain tell "
    "me about define state can could would should will i you your my than into between after before during over under "
    "first one two three most some any all main used use called known made make not".split()
)
_HOW_TO = re.compile(r"how (?:do|can|should|would) (?:i|you|we|one)\b|how to\b")


def asks_for_fact(pair: QuestionAnswer) -> bool:
    """True for a question about the world whose answer has to be known: with names, years or numbers in it."""
    question = pair.question.text.strip()[:1000] if pair.question else ""
    answer = pair.answer.text.strip()[:1000] if pair.answer else ""
    spoken = _POLITE.sub("", question.casefold(), count=1)
    if not question or not _ASKS_FACT.match(spoken) or _HOW_TO.match(spoken):
        return False
    plain = without_quotations(question)
    if _ABOUT_WORDS.search(plain) or _OF_A_PERSON.search(spoken.removeprefix("tell me")) or "\n" in question:
        return False
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
            counts.update({w for w in words_of(pair.question.text[:1000]) if w not in _COMMON and len(w) > 2})
    word, count = counts.most_common(1)[0] if counts else ("", 0)
    return word if count * 2 > total and total > 1 else ""
