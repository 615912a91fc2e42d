"""Reads text as rules can: words, stems, numbers, sentences; Markdown and most languages, without a dictionary."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

ONE_SIGN = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"  # scripts without blanks: each sign is a word
WORD = re.compile(rf"[{ONE_SIGN}]|[^\W_{ONE_SIGN}]+")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_PIECE = re.compile(rf"\s*(?:[{ONE_SIGN}]|[^\W{ONE_SIGN}]+|[^\w\s]|$)")
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_END = re.compile(r"(?<=[.!?])[\"'”»)\]]*\s+(?=[^\sa-z])|(?<=[。！？])")
_BULLET = re.compile(r"\s*(?:[-*+•]|\d+[.)])\s+")
_RULER = re.compile(r"[\s|:=_*-]+")
_MARKS = re.compile(r"\*\*|__|`")
_LONGEST = 600  # characters of one sentence; more is a list or no prose

FUNCTION_WORDS = frozenset(
    """a about all also an and any are as at be been but by can could did do does for from had has have he her
    here his how i if in into is it its just may me more most my no not of on one only or other our she
    should so some such than that the their them then there these they this those to too up us very was we
    were what when where which who whom whose why will with would you your
    aber als am an auch auf aus bei das dem den der des die ein eine einem einen einer es für hat ich im ist
    mit nach nicht oder sich sie sind und vom von war waren was welche welcher wer wie wird wo zu zum zur
    au aux ce cette dans de des du elle en est et il la le les mais ou par pour quand que quel quelle qui se
    sont sur un une
    al como con cuando cuál del donde el ella ello eran es esta este fue la las lo los más para pero por qué
    quién se según son su sus una uno y""".split()  # noqa: SIM905 - words read best as a text
)
NEGATIONS = frozenset({"no", "not", "never", "none", "nicht", "kein", "keine", "nie", "pas", "jamais", "nunca"})


@dataclass(frozen=True, slots=True)
class Sentence:
    """One statement of a text, with what rules compare: the stems that carry meaning, and its numbers."""

    text: str
    stems: frozenset[str]
    numbers: frozenset[str]


def pieces(text: str) -> list[str]:
    """Return the text cut into its tokens: words and marks with the blanks before them. Joined, they are it."""
    return [piece for piece in _PIECE.findall(text) if piece]


def visible(text: str) -> str:
    """Return the text without the signs that nobody sees."""
    return _UNSEEN.sub("", text)


def count_pieces(text: str) -> int:
    """Return how many tokens the offline teacher counts in a text."""
    return len(pieces(text))


@lru_cache(maxsize=4096)
def stems(text: str) -> frozenset[str]:
    """Return what carries meaning in a text: its words without endings and without function words."""
    words = WORD.findall(visible(text).casefold())
    return frozenset(_stem(word) for word in words if word not in FUNCTION_WORDS)


def numbers(text: str) -> frozenset[str]:
    """Return the numbers that stand in a text."""
    return frozenset(NUMBER.findall(visible(text)))


def negates(text: str) -> bool:
    """Return whether a text denies something."""
    return not NEGATIONS.isdisjoint(WORD.findall(text.casefold())) or "n't" in text


@lru_cache(maxsize=512)
def sentences(text: str) -> tuple[Sentence, ...]:
    """Return the statements of a Markdown text: sentences, points of lists, rows of tables."""
    found: list[str] = []
    for block in _blocks(visible(text)):
        found += [part.strip() for part in _END.split(block)]
    return tuple(Sentence(part[:_LONGEST], stems(part[:_LONGEST]), numbers(part)) for part in found if part)


def share(part: frozenset[str], whole: frozenset[str]) -> float:
    """Return how much of the first is in the second, 0 to 1; nothing is in nothing."""
    return len(part & whole) / len(part) if part else 0.0


def alike(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the F1 score of two sets, 0 to 1."""
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 0.0


def is_english(text: str) -> bool:
    """Return whether English phrases may be put around a text."""
    words = [word.casefold() for word in WORD.findall(text)[:80]]
    return 8 * sum(word in _ENGLISH for word in words) >= len(words)


_ENGLISH = frozenset(
    {"the", "a", "an", "of", "is", "are", "was", "what", "how", "to", "and", "that", "who", "when", "about"}
)


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    """Return a word without a common ending, so that "wings" is "wing"; the same cut everywhere, not a grammar."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zes")):
        word = word[:-2]
    elif word.endswith("s") and len(word) > 3 and not word.endswith("ss"):
        word = word[:-1]
    for ending in ("ing", "ed", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


def _blocks(text: str) -> list[str]:
    """Return paragraphs on one line each, without Markdown's signs; headings and code fences are no statements."""
    found: list[str] = []
    paragraph: list[str] = []
    heads: list[str] = []

    def close() -> None:
        if paragraph:
            found.append(" ".join(paragraph))
            paragraph.clear()

    for raw in text.splitlines():
        line = _MARKS.sub("", raw).strip()
        if line.startswith("|"):
            close()
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not _RULER.fullmatch(line):
                found += _row(heads, cells)
                heads = heads or cells
            continue
        heads = []
        if not line or line.startswith(("#", "```", "~~~", "<<<")) or _RULER.fullmatch(line):
            close()
        elif bullet := _BULLET.match(line):
            close()
            paragraph.append(line[bullet.end() :])
        else:
            paragraph.append(line)
    close()
    return found


def _row(heads: list[str], cells: list[str]) -> list[str]:
    if not heads:
        return []
    named = [f"{head}: {cell}" for head, cell in zip(heads, cells, strict=False) if cell]
    return [f"{', '.join(named)}."] if named else []
