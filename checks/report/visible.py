"""Text of others, made harmless for a terminal: nothing in it can hide, turn around or steer."""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str) -> str:
    """Return `text` on one line, every control, direction or invisible character as <U+XXXX>."""
    return "".join(visible_character(c) for c in text.strip("\r\n").replace("\r\n", " ").replace("\n", " "))


def visible_character(character: str) -> str:
    """Return one character as it may be shown; a byte that is no text shows as <byte XX>."""
    if character == "\t":
        return "→   "
    if "\udc80" <= character <= "\udcff":
        return f"<byte {ord(character) - 0xDC00:02X}>"
    if unicodedata.category(character) in _HIDDEN:
        return f"<U+{ord(character):04X}>"
    return character


def visible_path(path: str) -> str:
    """Return a path as it may be shown; line ends in it become visible too."""
    return "".join(visible_character(c) for c in path)
