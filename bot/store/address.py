"""Where the database is, as an operator writes it."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_LIKE = "It has to look like sqlite:////srv/bot/bot.sqlite or postgresql://USER:PASSWORD@HOST/DATABASE."


class DatabaseError(Exception):
    """The database cannot be used; the text says why, and how to put it right."""


def driver_url(address: str) -> URL:
    """Return an address with the driver that we use for it.

    Raises DatabaseError for a database that we do not know. The text never repeats the address: it may hold a
    password.
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise DatabaseError(f"The address of the database cannot be read. {_LIKE}") from None
    driver = _DRIVERS.get(url.drivername, url.drivername)
    if driver not in _DRIVERS.values():
        raise DatabaseError(f"{url.drivername} is not a database that this program knows. {_LIKE}")
    if "sslmode" in url.query:  # libpq's word for what the driver calls `ssl`
        url = url.set(query={("ssl" if key == "sslmode" else key): value for key, value in url.query.items()})
    return url.set(drivername=driver)
