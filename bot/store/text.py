"""Text columns that keep whatever people write: what no database can hold is replaced, the same way on each."""

from __future__ import annotations

import re

import sqlalchemy as sa
from sqlalchemy import Dialect, TypeDecorator

_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")
_REPLACED_BY = "\N{REPLACEMENT CHARACTER}"


def keepable(text: str) -> str:
    """Return `text` as a database can hold it.

    PostgreSQL refuses NUL, and no database has bytes for half a surrogate pair, which JSON can spell.
    """
    return _UNKEEPABLE.sub(_REPLACED_BY, text)


class _Keepable(TypeDecorator[str]):
    """Text made keepable on its way in, also where it is only compared."""

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text as it is stored."""
        return None if value is None else keepable(value)


class String(_Keepable):
    """A short text. PostgreSQL holds to the length, SQLite does not."""

    impl = sa.String
    cache_ok = True


class Text(_Keepable):
    """A text of any length."""

    impl = sa.Text
    cache_ok = True
