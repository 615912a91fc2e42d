"""Finds characters that nobody sees: direction controls, zero-width characters and control codes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

_DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_ZERO_WIDTH = "\u180e\u200b-\u200d\u2060-\u2064\ufeff\ufff9-\ufffb\u115f\u1160\u3164\uffa0\U000e0000-\U000e007f"
_CONTROL = "\x00-\x08\x0b\x0e-\x1f\x7f"
_HIDDEN = re.compile(f"[{_DIRECTION}{_ZERO_WIDTH}{_CONTROL}]")

_NON_JOINER, _JOINER = "\u200c", "\u200d"
_BLACK_FLAG = "\U0001f3f4"
_TAGS = range(0xE0020, 0xE0080)

# Scripts whose spelling needs joiners: Arabic, Syriac, Thaana, N'Ko, the Indic family, Tibetan, Myanmar, Khmer,
# Mongolian and their extensions.
_JOINING_SCRIPTS = (
    (0x0600, 0x08FF),
    (0x0900, 0x0DFF),
    (0x0F00, 0x109F),
    (0x1780, 0x18AF),
    (0x1B00, 0x1C4F),
    (0x1CD0, 0x1CFF),
    (0xA8E0, 0xA8FF),
    (0xFB50, 0xFDFF),
    (0xFE70, 0xFEFE),
    (0x11000, 0x11FFF),
)
_MOST_LOOKS = 4
_NAMES = {"\ufeff": "ZERO WIDTH NO-BREAK SPACE"}


@dataclass(frozen=True, slots=True)
class HiddenCharacter:
    """One hidden character; line and column count from 1."""

    character: str
    line: int
    column: int

    @property
    def name(self) -> str:
        """Its code point and Unicode name, such as "U+200B ZERO WIDTH SPACE"."""
        known = _NAMES.get(self.character) or unicodedata.name(self.character, "CONTROL CHARACTER")
        return f"U+{ord(self.character):04X} {known}"

    @property
    def is_control(self) -> bool:
        """True for a control code, which YAML itself refuses."""
        return unicodedata.category(self.character) == "Cc"


def hidden_characters(text: str) -> Iterator[HiddenCharacter]:
    """Yield every kind of hidden character once a line, at its first place there.

    Joiners where a script or an emoji needs them do not count.

    *Source*: Unicode Standard Annex 31, section 2.3 (joiners) and Technical Standard 51 (emoji sequences).
    """
    if _HIDDEN.search(text) is None:
        return
    for number, line in enumerate(text.split("\n"), 1):
        kinds = set(_HIDDEN.findall(line))
        places = ((_first_needless(line, character), character) for character in kinds)
        for index, character in sorted(place for place in places if place[0] >= 0):
            yield HiddenCharacter(character, number, index + 1)


def without_hidden(text: str) -> str:
    """Return the text without its hidden characters, but for joiners where a script or an emoji needs them."""
    for _ in range(_MOST_LOOKS):  # a joiner may be needless once its neighbour is gone
        if (fewer := _HIDDEN.sub(partial(_kept, text), text)) == text:
            break
        text = fewer
    return text


def _kept(whole: str, found: re.Match[str]) -> str:
    return found[0] if _is_needed(whole, found.start()) else ""


def _first_needless(line: str, character: str) -> int:
    """Return the first place of the character where nothing needs it, or -1."""
    index = line.find(character)
    while index >= 0 and _is_needed(line, index):
        index = line.find(character, index + 1)
    return index


def _is_needed(text: str, index: int) -> bool:
    character = text[index]
    before, after = text[index - 1 : index], text[index + 1 : index + 2]
    if character in (_NON_JOINER, _JOINER) and before and _joins(before):
        return True
    if character == _JOINER:
        return bool(before and after) and _is_emoji(before) and _is_emoji(after)
    return ord(character) in _TAGS and _after_black_flag(text, index)


def _joins(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _JOINING_SCRIPTS)


def _is_emoji(character: str) -> bool:
    return character == "\ufe0f" or unicodedata.category(character) in {"So", "Sk"}


def _after_black_flag(text: str, index: int) -> bool:
    """Regional flags spell their region in tag characters: at most six and an end mark."""
    start = index
    while start > 0 and index - start < 8 and ord(text[start - 1]) in _TAGS:
        start -= 1
    return text[start - 1 : start] == _BLACK_FLAG
