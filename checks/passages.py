"""Where a passage stands in a text: the same words in the same order, else the stretch that is most like it.

Words are compared, not characters: white space, punctuation, quotation marks, dashes and the marks of Markdown
between them do not count, nor do capital letters. Work grows with the length of the text, whatever it holds.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_NO_WORDS = (  # what stands between words in Markdown and is none
    re.compile(r"\]\([^()\s]{0,1000}(?:\([^()\s]{0,200}\)[^()\s]{0,200})?(?: \"[^\"\n]{0,200}\")?\)"),
    re.compile(r"</?[a-zA-Z][^<>\n]{0,300}>|<!--[^<>]{0,1000}-->"),
    re.compile(r"\[\^?\d{1,4}\]|&(?:nbsp|ensp|emsp|thinsp|shy);"),
)
_LETTERS = str.maketrans(
    {
        "ﬀ": "ff",
        "ﬁ": "fi",
        "ﬂ": "fl",
        "ﬃ": "ffi",
        "ﬄ": "ffl",
        "’": "'",
        "‘": "'",
        "ʼ": "'",
        "\u00ad": "",
        "\u200b": "",
    }
    | {"\u200c": "", "\u200d": "", "\u2060": "", "\ufeff": ""}
)
_JOINED = re.compile(r"(?<=\w)['*_`](?=\w)")  # inside a word: an apostrophe, or a mark that only part of it has
_SHINGLE = 3  # words in a row that a passage and a place of the text must share for the place to be looked at
_BEST_PLACES = 2
_LONGEST_PASSAGE = 1000  # words; a longer one is compared by its beginning
_MOST_HITS = 300_000  # runs of words found again, of all passages together
_ALIKE_ENOUGH = 95  # no other place is looked at


@dataclass(frozen=True, slots=True)
class Likeness:
    """The stretch of a text that is most like a passage. `percent` is 100 only where all words are the same."""

    percent: int
    file: str = ""
    text: str = ""


@dataclass
class Effort:
    """What may still be spent on searching by likeness: passages, and pairs of words that are compared."""

    passages: int = 50
    pairs: int = 5_000_000


class Library:
    """The texts of some documents, ready to be searched."""

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        self._files: list[str] = []
        self._texts: list[str] = []
        self._begins: list[int] = []
        self._words: list[str] = []
        for file, text in texts:
            plain = _plain(text)
            self._files.append(file)
            self._texts.append(plain)
            self._begins.append(len(self._words))
            self._words += _words(plain)
            self._words.append("\n")  # a passage never goes on in the next file
        self._joined = f" {' '.join(self._words)} "

    def holds(self, passage: str) -> bool:
        """True when the words of the passage stand there in a row; a passage without any word stands everywhere."""
        words = _words(_plain(passage))
        return not words or f" {' '.join(words)} " in self._joined

    def closest(self, passages: Sequence[str], effort: Effort) -> list[Likeness | None]:
        """Return for each passage the stretch most like it; None where the effort did not suffice."""
        searched = [_words(_plain(passage))[:_LONGEST_PASSAGE] for passage in passages[: effort.passages]]
        effort.passages -= len(searched)
        found: list[Likeness | None] = []
        for words, places in zip(searched, self._places(searched), strict=True):
            effort.pairs -= 2 * len(places) * len(words) ** 2
            found.append(self._most_alike(words, places) if effort.pairs > 0 else None)
        return found + [None] * (len(passages) - len(found))

    def _places(self, searched: Sequence[Sequence[str]]) -> list[list[int]]:
        """Return for each passage where a stretch of its length shares most runs of words with it, best first."""
        wanted: dict[tuple[str, ...], list[int]] = {}
        for number, words in enumerate(searched):
            for shingle in set(_shingles(words)):
                wanted.setdefault(shingle, []).append(number)
        counts: list[Counter[int]] = [Counter() for _ in searched]
        steps = [max(1, len(words) // 2) for words in searched]
        hits = 0
        for at, shingle in enumerate(_shingles(self._words)):
            for number in wanted.get(shingle, ()):
                counts[number][at // steps[number]] += 1
                hits += 1
            if hits > _MOST_HITS:
                break
        return [[block * step for block in _best_blocks(count)] for count, step in zip(counts, steps, strict=True)]

    def _most_alike(self, words: Sequence[str], places: Sequence[int]) -> Likeness:
        from rapidfuzz import fuzz

        best = Likeness(0)
        passage = " ".join(words)
        for place in places:
            if best.percent >= _ALIKE_ENOUGH:
                break
            start, end = self._around(place, len(words))
            aligned = fuzz.partial_ratio_alignment(words, self._words[start:end])
            if aligned is None or aligned.dest_end <= aligned.dest_start:
                continue
            first, last = start + aligned.dest_start, start + aligned.dest_end
            percent = int(fuzz.ratio(passage, " ".join(self._words[first:last])))
            if percent > best.percent:
                best = Likeness(min(percent, 99), *self._shown(first, last))
        return best

    def _around(self, place: int, length: int) -> tuple[int, int]:
        """Return the stretch around a place that a passage of some length may lie in, within one file."""
        file = bisect_right(self._begins, place) - 1
        end = self._begins[file + 1] - 1 if file + 1 < len(self._begins) else len(self._words) - 1
        return max(self._begins[file], place - length // 2), min(end, place + length + length // 2)

    def _shown(self, first: int, last: int) -> tuple[str, str]:
        """Return the file, and its text from one word up to another, as it is written."""
        file = bisect_right(self._begins, first) - 1
        text, begin = self._texts[file], self._begins[file]
        starts = array("L", (match.start() for match in _WORD.finditer(text)))
        until = starts[last - begin] if last - begin < len(starts) else len(text)
        return self._files[file], text[starts[first - begin] : until].strip()


def _plain(text: str) -> str:
    """Return the text without what only its markup says, in one spelling of each letter."""
    text = unicodedata.normalize("NFC", text.translate(_LETTERS))
    for pattern in _NO_WORDS:
        text = pattern.sub(" ", text)
    return _JOINED.sub("", text)


def _words(text: str) -> list[str]:
    return " ".join(_WORD.findall(text)).casefold().split(" ") if text.strip() else []


def _shingles(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(words[offset:] for offset in range(_SHINGLE)), strict=False)


def _best_blocks(count: Counter[int]) -> list[int]:
    """Return the blocks that hold most, each together with its neighbour: a passage lies across two."""
    together = {block: held + count[block + 1] for block, held in list(count.items())}
    return sorted(together, key=lambda block: (-together[block], block))[:_BEST_PLACES]
