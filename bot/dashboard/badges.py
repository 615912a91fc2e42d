"""Badges: a word and a state as a small picture, for READMEs and comments. Every word in them is escaped."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from xml.sax.saxutils import escape

from bot.comments.escape import short
from bot.dashboard.visit import Visit

MEDIA_TYPE = "image/svg+xml"
_MOST = 60  # characters on either side
_HEIGHT, _PAD = 20, 7
_NARROW, _WIDE = frozenset("fijlrtI.,:;|!'()[]1 "), frozenset("mwMW@%—…")
_WIDTHS = (4.2, 6.8, 9.6)  # pixels of narrow, usual and wide letters at 11 px
_FAR = 0x2E80  # from here on letters are as wide as high: Chinese, Japanese, Korean, emoji


class Colour(StrEnum):
    """What a badge's right side looks like; white on each is at least 4.5 : 1."""

    GOOD = "#1a6d35"
    BAD = "#b3261e"
    WAIT = "#7a5200"
    NEUTRAL = "#5b6068"


@dataclass(frozen=True, slots=True)
class Badge:
    """A badge on a page, with what is pasted to have it elsewhere."""

    path: str
    text: str
    markdown: str
    is_public: bool


def badge_of(visit: Visit, name: str, page: str, text: str) -> Badge:
    """Return the badge of that name, which leads to a page of the repository. `text` is our own."""
    settings, full_name = visit.house.settings, visit.origin.full_name
    home = settings.public_url or str(visit.request.url.origin())
    markdown = f"[![{text}]({home}/badge/{full_name}/{name})]({home}/r/{full_name}{page})"
    return Badge(f"{settings.base_path}/badge/{full_name}/{name}", text, markdown, visit.access.is_public)


def badge(label: str, message: str, colour: Colour) -> str:
    """Return a badge as SVG, made to fit its words."""
    left, right = _plain(label), _plain(message)
    first, second = _width(left), _width(right)
    whole, said = first + second, escape(f"{left}: {right}", {'"': "&quot;"})
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{_HEIGHT}" role="img" '
        f'aria-label="{said}">'
        f"<title>{said}</title>"
        f'<clipPath id="r"><rect width="{whole}" height="{_HEIGHT}" rx="3"/></clipPath><g clip-path="url(#r)">'
        f'<rect width="{first}" height="{_HEIGHT}" fill="#3a3f45"/>'
        f'<rect x="{first}" width="{second}" height="{_HEIGHT}" fill="{colour.value}"/></g>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f"{_words(left, first / 2, first)}{_words(right, first + second / 2, second)}</g></svg>\n"
    )


def _words(text: str, middle: float, width: int) -> str:
    """Return words in the middle of their side; `textLength` keeps them inside, whatever font there is."""
    return f'<text x="{middle:g}" y="14" textLength="{width - 2 * _PAD}">{escape(text)}</text>'


def _width(text: str) -> int:
    return round(sum(map(_letter, text))) + 2 * _PAD


def _letter(letter: str) -> float:
    if ord(letter) >= _FAR:
        return 12.0
    return _WIDTHS[0] if letter in _NARROW else _WIDTHS[2] if letter in _WIDE else _WIDTHS[1]


def _plain(text: str) -> str:
    """Return words without what XML has no sign for, or what nobody sees."""
    return short("".join(c for c in text if c.isprintable()), _MOST) or "?"
