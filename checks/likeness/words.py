"""A text as the words that it is compared by: folded, with its quantities, its names and what carries meaning."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, pairwise

MOST_CHARACTERS = 8_000  # of a text that is compared; what comes after it is not looked at

_TOKEN = re.compile(r"\d+(?:[.,]\d+)+(?!\w)|°[cf]\b|[^\W_]+(?:['’][^\W_]+)?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")
_WITH_UNIT = re.compile(r"(\d+)([a-z]+)")
_QUOTED = re.compile(
    r'"[^"\n]{1,200}"|“[^”\n]{1,200}”|„[^“”\n]{1,200}[“”]|«[^»\n]{1,200}»|`[^`\n]{1,200}`'
    r"|(?<!\w)'[^'\n]{1,80}'(?!\w)"
)
_SENTENCE_END = frozenset(".!?:;\n\"'“”«»()[]-–—*#>|•")
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_GLUE_WORDS = """
a an the this that these those and or but if then than so as at by for from in into of on onto to with is am are was
were be been being do does did has have had having it its itself he she they them their his her i you we our your my
me us him there here what which who whom whose when where why how can could will would shall should may might must
also please about such some any each very just
"""
_GLUE = frozenset(_GLUE_WORDS.split())
NEGATIONS = frozenset(["not", "no", "never", "without", "neither", "nor", "none", "cannot", "except"])
_COUNTED = {
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
}
_UNITS: dict[str, tuple[str, float]] = {
    name: (of, factor)
    for of, factor, names in (
        ("length", 0.001, "mm millimetre millimetres millimeter millimeters"),
        ("length", 0.01, "cm centimetre centimetres centimeter centimeters"),
        ("length", 1.0, "m metre metres meter meters"),
        ("length", 1000.0, "km kilometre kilometres kilometer kilometers"),
        ("length", 0.0254, "inch inches"),
        ("length", 0.3048, "ft foot feet"),
        ("length", 0.9144, "yd yard yards"),
        ("length", 1609.344, "mi mile miles"),
        ("mass", 0.001, "g gram grams gramme grammes"),
        ("mass", 1.0, "kg kilogram kilograms kilo kilos"),
        ("mass", 1000.0, "tonne tonnes"),
        ("mass", 0.45359, "lb lbs pound pounds"),
        ("mass", 0.02835, "oz ounce ounces"),
        ("volume", 1.0, "litre litres liter liters"),
        ("volume", 0.001, "ml millilitre millilitres milliliter milliliters"),
        ("volume", 3.7854, "gallon gallons"),
        ("volume", 0.4732, "pint pints"),
        ("time", 1.0, "second seconds"),
        ("time", 60.0, "minute minutes min"),
        ("time", 3600.0, "hour hours"),
        ("speed", 1 / 3.6, "kph kmh"),
        ("speed", 0.44704, "mph"),
    )
    for name in names.split()
}
_PER_HOUR = (("h",), ("per", "hour"), ("an", "hour"))
_TOLERANCE = 0.03  # a translated quantity is rounded


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, in the base unit of what it measures."""

    of: str
    amount: float

    def is_close(self, other: Quantity) -> bool:
        """True when both say the same, as far as rounding allows."""
        margin = max(abs(self.amount), abs(other.amount)) * _TOLERANCE
        return self.of == other.of and abs(self.amount - other.amount) <= margin


@dataclass(frozen=True, slots=True)
class _Details:
    """What of a text is only asked for where two texts are much alike."""

    names: frozenset[str]
    codes: frozenset[str]
    quantities: tuple[Quantity, ...]


@dataclass(frozen=True)
class Words:
    """The words of one or more texts, in order. What they are besides is found out when it is asked for."""

    order: tuple[str, ...]
    texts: tuple[str, ...]

    @cached_property
    def every(self) -> frozenset[str]:
        """Each word once."""
        return frozenset(self.order)

    @cached_property
    def telling(self) -> frozenset[str]:
        """Each word once that carries meaning; where none does, every word."""
        return (self.every - _GLUE) or self.every

    @cached_property
    def names(self) -> frozenset[str]:
        """Those that are written as names, are numbers, or stand in quotation marks."""
        return frozenset().union(*(_details_of(text).names for text in self.texts))

    @cached_property
    def codes(self) -> frozenset[str]:
        """Those that are written in capitals: a letter more or less makes another one of them."""
        return frozenset().union(*(_details_of(text).codes for text in self.texts))

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """What numbers with units stand for."""
        return tuple(quantity for text in self.texts for quantity in _details_of(text).quantities)

    def __add__(self, other: Words) -> Words:
        return Words(self.order + other.order, self.texts + other.texts)


@lru_cache(maxsize=512)
def both_of(question: str, answer: str) -> Words:
    """Return the words of a question and its answer."""
    return words_of(question) + words_of(answer)


@lru_cache(maxsize=512)
def words_of(text: str) -> Words:
    """Return the words of a text, at most of its first MOST_CHARACTERS characters."""
    text = unicodedata.normalize("NFKC", text[:MOST_CHARACTERS])
    return Words(tuple(chain.from_iterable(map(_written_as, _TOKEN.findall(text)))), (text,))


@lru_cache(maxsize=512)
def _details_of(text: str) -> _Details:
    names: set[str] = set()
    codes: set[str] = set()
    order: list[str] = []
    quoted = _inside_quotes(text)
    for match in _TOKEN.finditer(text):
        token = match[0]
        written, is_lowly = _written_as(token), _is_lowly(token)
        order += written
        if is_lowly and not quoted:
            continue
        at = match.start()
        if (quoted and quoted[at]) or has_digit(token) or (token[0].isupper() and not _begins_a_sentence(text, at)):
            names.update(written)
        if len(token) > 1 and token.isupper():
            names.update(written)
            codes.update(written)
    return _Details(frozenset(names - _GLUE), frozenset(codes), tuple(_quantities(order)))


def _inside_quotes(text: str) -> bytearray:
    """Return for each character whether it stands in quotation marks; nothing where none does."""
    marks = bytearray()
    for match in _QUOTED.finditer(text):
        marks = marks or bytearray(len(text))
        marks[match.start() : match.end()] = b"\1" * (match.end() - match.start())
    return marks


def has_digit(word: str) -> bool:
    """True for numbers, and for words with a digit in them."""
    return not word.isalpha() and any(character.isdigit() for character in word)


@lru_cache(maxsize=30_000)
def _is_lowly(token: str) -> bool:
    """True for what is neither a name nor a code unless it is quoted."""
    return not (has_digit(token) or token[0].isupper() or token.isupper())


@lru_cache(maxsize=30_000)
def _written_as(token: str) -> tuple[str, ...]:
    """Return the words of a token: mostly one, of scripts without spaces every two characters."""
    word = token.casefold().replace("’", "'").removesuffix("'s")
    if word[0].isdigit():
        if (found := _WITH_UNIT.fullmatch(word)) and found[2] in _UNITS:
            return found.groups()
        return (re.sub(r",(?=\d{3}(?:\D|$))", "", word),)
    if len(word) > 1 and UNSPACED.search(word):
        return tuple(word[at : at + 2] for at in range(len(word) - 1))
    if word.endswith("n't"):
        return ("not",)
    return (_COUNTED.get(word, word),)


def _begins_a_sentence(text: str, at: int) -> bool:
    before = text[max(0, at - 8) : at].rstrip(" \t")
    return not before or before[-1] in _SENTENCE_END


def _quantities(order: list[str]) -> Iterator[Quantity]:
    for at, (number, unit) in enumerate(pairwise(order)):
        if not _NUMBER.fullmatch(number):
            continue
        amount = float(number)
        if unit in {"°c", "celsius"} or (unit == "degrees" and order[at + 2 : at + 3] == ["celsius"]):
            yield Quantity("temperature", amount + 273.15)
        elif unit in {"°f", "fahrenheit"} or (unit == "degrees" and order[at + 2 : at + 3] == ["fahrenheit"]):
            yield Quantity("temperature", (amount - 32) / 1.8 + 273.15)
        elif unit in _UNITS:
            of, factor = _UNITS[unit]
            if of == "length" and any(tuple(order[at + 2 : at + 2 + len(p)]) == p for p in _PER_HOUR):
                of, factor = "speed", factor / 3600
            yield Quantity(of, amount * factor)


UNIT_WORDS = frozenset(_UNITS) | {"°c", "°f", "celsius", "fahrenheit", "degrees"}
