"""The highest id that each table ever gave: what was counted once is never counted again."""

from __future__ import annotations

from sqlalchemy import Connection, Table, func, select, text


def last_id(connection: Connection, table: Table) -> int | None:
    """Return the highest id that rows of a table ever had; None where the database does not count them."""
    if not _is_counted(table):
        return None
    highest = int(connection.scalar(select(func.max(table.c.id))) or 0)
    if connection.dialect.name == "sqlite":
        given = _sqlite_counter(connection, table.name)
    elif sequence := _sequence(connection, table.name):
        quoted = connection.dialect.identifier_preparer.quote
        place = ".".join(quoted(part) for part in sequence.replace('"', "").split("."))
        last, is_called = connection.execute(text(f"SELECT last_value, is_called FROM {place}")).one()  # noqa: S608
        given = int(last) if is_called else 0
    else:
        return None
    return max(highest, given or 0)


def go_on_from(connection: Connection, table: Table, given: int) -> None:
    """Have the next row of a table get a higher id than any before it."""
    if connection.dialect.name == "sqlite":
        if _sqlite_counter(connection, table.name) is None and not _is_autoincrement(connection, table.name):
            return  # SQLite goes on from the highest id that is there
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), {"table": table.name})
        values = {"table": table.name, "given": given}
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :given)"), values)
    elif sequence := _sequence(connection, table.name):
        values = {"sequence": sequence, "given": max(given, 1), "is_called": given > 0}
        connection.execute(text("SELECT setval(CAST(:sequence AS regclass), :given, :is_called)"), values)


def _is_counted(table: Table) -> bool:
    return [column.name for column in table.primary_key.columns] == ["id"]


def _sequence(connection: Connection, table: str) -> str | None:
    query = text("SELECT pg_get_serial_sequence(:table, 'id')")
    found = connection.scalar(query, {"table": table})
    return None if found is None else str(found)


def _sqlite_counter(connection: Connection, table: str) -> int | None:
    if not connection.scalar(text("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'")):
        return None
    found = connection.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = :table"), {"table": table})
    return None if found is None else int(found)


def _is_autoincrement(connection: Connection, table: str) -> bool:
    query = text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table")
    return "AUTOINCREMENT" in str(connection.scalar(query, {"table": table})).upper()
