"""A migration only adds: the version before it still works while replicas are restarted one after the other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bot.store import migrations

_VERSIONS = sorted((Path(migrations.__file__).parent / "versions").glob("[0-9]*.py"))
_RULE_SINCE = "0024"  # what was there before the rule was never served by two versions at once
MARKER = "CONTRACTS_WHAT_VERSION_NO_LONGER_USES"
_TAKES_AWAY = {
    "drop_table",
    "drop_column",
    "drop_constraint",
    "rename_table",
    "alter_column",
    "batch_alter_table",
    "create_unique_constraint",
    "create_check_constraint",
    "create_foreign_key",
}
_WORDS = ("DROP ", "RENAME ", "ALTER ", "DELETE ", "TRUNCATE ")


def destructions(source: str) -> list[str]:
    """Return what a migration takes away, or demands of rows that the version before it does not know."""
    tree = ast.parse(source)
    if any(
        isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == MARKER for t in node.targets)
        for node in tree.body
    ):
        return []
    up = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade")
    return [found for node in ast.walk(up) if isinstance(node, ast.Call) and (found := _destruction(node))]


def _destruction(call: ast.Call) -> str:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    words = {keyword.arg: keyword.value for keyword in call.keywords}
    if name in _TAKES_AWAY:
        return name
    if name == "create_index" and _is_true(words.get("unique")):
        return "a unique index"
    if name == "add_column" and any(_demands(argument) for argument in call.args):
        return "a column that has to be filled in"
    if name in ("execute", "text", "exec_driver_sql"):
        said = " ".join(n.value for n in ast.walk(call) if isinstance(n, ast.Constant) and isinstance(n.value, str))
        return next((f"{name}: {word}" for word in _WORDS if word in said.upper() + " "), "")
    return ""


def _demands(argument: ast.expr) -> bool:
    if not isinstance(argument, ast.Call):
        return False
    words = {keyword.arg: keyword.value for keyword in argument.keywords}
    is_needed = isinstance(words.get("nullable"), ast.Constant) and not _is_true(words["nullable"])
    return is_needed and "server_default" not in words


def _is_true(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is True


@pytest.mark.parametrize("file", [file for file in _VERSIONS if file.name[:4] >= _RULE_SINCE], ids=lambda f: f.stem)
def test_a_new_migration_takes_nothing_away(file: Path) -> None:
    "What is not used any more goes one version later, in a migration that says so (docs/releasing.md)."
    assert destructions(file.read_text()) == [], f"{file.name}: expand now, contract in the version after"


@pytest.mark.parametrize(
    "statement",
    [
        'op.drop_column("jobs", "queue")',
        'op.drop_table("jobs")',
        'op.alter_column("jobs", "queue", new_column_name="line")',
        'op.execute("drop table jobs")',
        'op.execute(sa.text("Alter table jobs rename to work"))',
        'op.add_column("jobs", sa.Column("size", sa.Integer, nullable=False))',
        'op.create_index("ix", "jobs", ["queue"], unique=True)',
        'with op.batch_alter_table("jobs") as jobs:\n        jobs.drop_column("queue")',
    ],
)
def test_what_takes_something_away_is_seen(statement: str) -> None:
    "In each way that it can be written; the marker allows it."
    source = f"def upgrade() -> None:\n    {statement}\n"
    assert destructions(source)
    assert destructions(f'{MARKER} = "0.3.0"\n{source}') == []


@pytest.mark.parametrize(
    "statement",
    [
        'op.create_table("new", sa.Column("id", sa.Integer, nullable=False))',
        'op.add_column("jobs", sa.Column("size", sa.Integer, nullable=False, server_default="0"))',
        'op.add_column("jobs", sa.Column("size", sa.Integer, nullable=True))',
        'op.create_index("ix", "jobs", ["queue"])',
        'op.drop_index("ix", "jobs")',
        "op.execute(\"UPDATE jobs SET size = 1 WHERE queue = 'cpu'\")",
    ],
)
def test_what_only_adds_is_allowed(statement: str) -> None:
    "An index may go, too: the version before is slower without it, not wrong."
    assert destructions(f"def upgrade() -> None:\n    {statement}\n") == []
