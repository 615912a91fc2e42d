"""What a model writes, read strictly: records under headings, and one rating in double brackets."""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_CHARACTERS = 20_000  # of one text; who writes more is rambling
# nothing in it is tried twice: some models write blanks without end
_HEADING = re.compile(r"^[ \t]*+#{2,4}+[ \t]*+([A-Za-z][A-Za-z_]{0,40}+)[ \t]*+\d*+[ \t]*+:?[ \t]*+$", re.MULTILINE)
_RATING = re.compile(r"\[\[\s*([A-Za-z0-9.+-]{1,12})\s*\]\]")


class UnreadableError(Exception):
    """A reply is not as asked for; the text says how, in words that can be counted."""


def read_rating(reply: str, scale: Sequence[str], *, is_cut: bool = False) -> str:
    """Return the one rating of a reply. Raises UnreadableError when there is none, more than one, or no such one.

    The same rating twice counts once. Everything else in the reply is talk. One that was cut off has not come to
    its rating, whatever it mentions.
    """
    if is_cut:
        raise UnreadableError("the judge was cut off")
    found = {rating.upper() for rating in _RATING.findall(reply[-MOST_CHARACTERS:])}
    if not found:
        raise UnreadableError("the judge gave no rating")
    if len(found) > 1:
        raise UnreadableError("the judge gave two different ratings")
    rating: str = found.pop()
    if rating not in scale:
        raise UnreadableError("the judge gave a rating outside of its scale")
    return rating


def read_records(reply: str, fields: Sequence[str], *, is_cut: bool = False) -> list[dict[str, str]]:
    """Return the records of a reply: each field under its heading, in the order of `fields`, over and over.

    What stands before the first heading is talk. A record that lacks a field is left out; the last one of a reply
    that was cut off is left out, too, for it may lack its end. Raises UnreadableError when no whole record is left.
    """
    marks = [(found.group(1).lower(), found.start(), found.end()) for found in _HEADING.finditer(reply)]
    marks = [mark for mark in marks if mark[0] in fields]
    texts = [
        (name, reply[end : marks[i + 1][1] if i + 1 < len(marks) else len(reply)].strip())
        for i, (name, _, end) in enumerate(marks)
    ]
    records, record = [], dict[str, str]()
    for name, text in texts:
        if name != fields[len(record)]:
            record = {}
            if name != fields[0]:
                continue
        if not text or len(text) > MOST_CHARACTERS:
            record = {}
            continue
        record[name] = text
        if len(record) == len(fields):
            records.append(record)
            record = {}
    if is_cut and records and records[-1][fields[-1]] == texts[-1][1]:
        records.pop()
    if not records:
        raise UnreadableError("the reply was cut off" if is_cut else "the reply was not in the format asked for")
    return records


def read_text(reply: str, *, is_cut: bool = False) -> str:
    """Return a reply that is one text. Raises UnreadableError when it is empty, cut off, or rambles."""
    text = reply.strip()
    if is_cut or len(text) > MOST_CHARACTERS:
        raise UnreadableError("the reply was cut off")
    if not text:
        raise UnreadableError("the reply was empty")
    return text
