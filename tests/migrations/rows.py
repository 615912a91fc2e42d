"""Rows for a database of any revision, made from the tables found in it, at the edges of what each column takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

ROWS = 5
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_ODD_PATHS = ["compositional_skills/a b/qna.yaml", 'knowledge/"quoted" \\ back/qna.yaml', "naïve/😀/qna.yaml"]

_TEXTS = ("", "plain", 'it\'s 100% "quoted" \\ and `ticked`; --', "naïve Ǆ 😀 \u202e\u0301", "line\r\nline\ttab")
_NUMBERS = (0, 1, -1, 2**31 - 1, 7)
_LARGE_NUMBERS = (0, 1, -1, 2**63 - 1, 2**32 + 1)
_SHARES = (0.0, 1.0, 1e-300, 1e300, 0.1)
_BLOBS = (b"", bytes(range(256)), b"{}", b"\x1f\x8b", b"x" * 100_000)
_MOMENTS = (
    _LONG_AGO,
    datetime(2026, 3, 29, 1, 30, 0, 123456, UTC),  # an hour that some clocks skip
    datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
    datetime(2024, 2, 29, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 1, UTC),
)

# columns that hold one of few words, or a form: what the program has written there at every revision
_WORDS: dict[tuple[str, str], Sequence[Any]] = {
    ("deliveries", "state"): ("received", "done", "failed", "received", "done"),
    ("pull_requests", "state"): ("new", "not-ready", "needed", "approved", "rejected"),
    ("pull_requests", "flags"): ("", "hold", "hold stale", "precheck-generate-ready", ""),
    ("pull_requests", "outcome"): ("", "passed", "failed", "unverified", "passed"),
    ("approvals", "kind"): ("triage", "approve", "lgtm", "triage", "approve"),
    ("pardons", "kind"): ("override", "wrong", "override", "wrong", "override"),
    ("batches", "targets"): ("", f"7:{'a' * 40}", f"7:{'a' * 40} 9:{'b' * 40}", "", f"1:{'c' * 40}"),
    ("jobs", "kind"): ("precheck", "generate", "evaluate", "postcheck", "precheck"),
    ("jobs", "state"): ("queued", "running", "succeeded", "infrastructure error", "superseded"),
    ("jobs", "priority"): (0, 10, 0, 10, 5),
    ("jobs", "queue"): ("cpu", "gpu.sdg", "gpu.train", "gpu.eval", "build"),
    ("jobs", "outcome"): ("",) * ROWS,
    ("builds", "night"): tuple(f"2026-01-0{n}" for n in range(1, ROWS + 1)),
    ("builds", "terms"): ("", '{"seed": 7}', "", '{"data_version": "new"}', ""),
    ("builds", "state"): ("planned", "running", "good", "failed", "passed over"),
    ("releases", "state"): ("candidate", "served", "replaced", "withdrawn", "removed"),
    ("jobs", "lease_worker"): ("", "gpu-1", "", "", ""),
}
_PATHS: tuple[list[str], ...] = ([], ["README.md"], _ODD_PATHS, ["a"] * 3, [f"{n}/qna.yaml" for n in range(300)])


def paths_as_kept(table: sa.Table, paths: list[str]) -> str:
    """Return the paths of a pull request as they were written at a table's revision."""
    if not paths:
        return ""
    return json.dumps(paths) if "commit_authors" in table.c else "\n".join(paths)


def paths_kept(text: str) -> list[str]:
    """Return paths from a text of either form."""
    return json.loads(text) if text.startswith("[") else text.split("\n") if text else []


def rows_for(table: sa.Table) -> list[dict[str, Any]]:
    """Return rows whose columns each go through their edge values; ids that the database gives are left to it."""
    kinds = {column.name: _values_of(table, column) for column in table.columns if not _is_given(column)}
    return [{name: value_of(n) for name, value_of in kinds.items()} for n in range(ROWS)]


def _is_given(column: sa.Column[Any]) -> bool:
    """True for a number that the database itself counts."""
    is_only_key = list(column.table.primary_key.columns) == [column]
    return is_only_key and column.name == "id" and column.table.name != "repositories"


def _values_of(table: sa.Table, column: sa.Column[Any]) -> Callable[[int], Any]:
    words = _WORDS.get((table.name, column.name))
    if words is not None:
        return lambda n: words[n]
    if (table.name, column.name) == ("pull_requests", "paths"):
        return lambda n: paths_as_kept(table, _PATHS[n])
    if _is_in_a_key(column):
        return lambda n: _key(column, n)
    if column.nullable and (table.name != "jobs" or not column.name.startswith("lease_")):
        return lambda n: None if n == 0 else _edge(column, n)
    return lambda n: _edge(column, n)


def _is_in_a_key(column: sa.Column[Any]) -> bool:
    table = column.table
    indexed = {each.name for index in table.indexes if index.unique for each in index.columns}
    indexed |= {
        each.name
        for constraint in table.constraints
        if isinstance(constraint, (sa.UniqueConstraint, sa.PrimaryKeyConstraint))
        for each in constraint.columns
    }
    return column.name in indexed


def _key(column: sa.Column[Any], n: int) -> Any:
    """Values that differ from row to row, as long or as large as the column takes."""
    if isinstance(column.type, sa.String):
        return (f"{n}-😀" + "é" * 1000)[: column.type.length or 200]
    return (1, 2, 3, 2**31 - 1, 5)[n]


def _edge(column: sa.Column[Any], n: int) -> Any:
    match column.type:
        case sa.Boolean():
            return n % 2 == 0
        case sa.DateTime():
            return _MOMENTS[n]
        case sa.LargeBinary():
            return _BLOBS[n]
        case sa.Float():
            return _SHARES[n]
        case sa.BigInteger():
            return _LARGE_NUMBERS[n]
        case sa.Integer():
            return _NUMBERS[n]
        case sa.String() as text:
            return "é" * text.length if text.length and n == ROWS - 1 else _TEXTS[n][: text.length or None]
    raise AssertionError(f"{column}: no edge values for {column.type!r}")
