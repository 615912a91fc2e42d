"""Cursors: a place in one list, as a word that clients hand back. Whatever else they hand us is refused.

A cursor opens nothing: it only says where the list goes on, so it is checked and not signed.
"""

from __future__ import annotations

import base64
import binascii
import re

from bot.dashboard.visit import BadRequestError

_WORD = re.compile(r"[A-Za-z0-9_-]{1,160}")
_INSIDE = re.compile(r"([a-z]{1,20})((?::[0-9]{1,16}){1,3})")
_NONSENSE = (
    "This cursor is none of this list. A cursor is `next` of the page before, unchanged; leave it out to begin anew."
)


def written(name: str, *numbers: int) -> str:
    """Return the cursor of a place in the list of that name."""
    inside = ":".join((name, *map(str, numbers)))
    return base64.urlsafe_b64encode(inside.encode()).decode().rstrip("=")


def read(name: str, cursor: str, count: int = 1) -> tuple[int, ...]:
    """Return the numbers of a cursor, or zeros for none. Raises BadRequestError for what we never wrote."""
    if not cursor:
        return (0,) * count
    if not _WORD.fullmatch(cursor):
        raise BadRequestError(_NONSENSE)
    try:
        inside = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise BadRequestError(_NONSENSE) from None
    found = _INSIDE.fullmatch(inside)
    if found is None or found[1] != name:
        raise BadRequestError(_NONSENSE)
    numbers = tuple(int(each) for each in found[2][1:].split(":"))
    if len(numbers) != count or written(name, *numbers) != cursor:
        raise BadRequestError(_NONSENSE)
    return numbers
