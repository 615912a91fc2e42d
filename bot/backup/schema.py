"""Which tables and columns a revision of the schema has, whatever else lies in a database."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sqlalchemy import Connection, MetaData, StaticPool, create_engine, inspect

from bot.store.database import climb

# processes that run, what they hold, and who is signed in: a backup brings none of them back
OF_THE_MOMENT = frozenset({"leases", "replicas", "sessions"})
VERSION_TABLE = "alembic_version"


@cache
def columns_at(revision: str) -> Mapping[str, tuple[str, ...]]:
    """Return the columns of each table at a revision, as the migrations build them."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.begin() as connection:
            climb(connection, revision)
            found = inspect(connection)
            names = sorted(set(found.get_table_names()) - {VERSION_TABLE})
            return {name: tuple(str(column["name"]) for column in found.get_columns(name)) for name in names}
    finally:
        engine.dispose()


def tables_of(connection: Connection, revision: str) -> MetaData:
    """Return our tables as a database at a revision has them."""
    found = MetaData()
    found.reflect(connection, only=list(columns_at(revision)))
    return found
