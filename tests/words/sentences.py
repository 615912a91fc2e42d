"""The sentences in the bot's code that people on GitHub read: none may be missing in the files of words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

BOT = Path(__file__).parent.parent.parent / "bot"

# where the words for people stand; what rules find is theirs to say, and tested with them
_SPEAKING = (
    "answers.py",
    "batches.py",
    "budgets.py",
    "care.py",
    "command_desk.py",
    "commands/*.py",
    "comments/*.py",
    "compute.py",
    "digest.py",
    "free_labels.py",
    "hand_labels.py",
    "jobs.py",
    "merge_groups.py",
    "merging.py",
    "nightly/judgement.py",
    "nightly/report.py",
    "nightly/report_parts.py",
    "nightly/report_scores.py",
    "orders.py",
    "people_names.py",
    "readiness.py",
    "reruns.py",
    "rule_names.py",
    "same_leaf.py",
    "triage.py",
    "witness.py",
)
_GITHUBS_OWN = ("Base branch was modified", "out of date")  # known by them, not said by us
_TO_PEOPLE = ("RefusedError", "JobsUnavailableError")  # the errors whose text is a reply
_FEWEST_WORDS = 3
_REPLACED = re.compile(r"<!-- -->|\\(?=[\\`*_\[\]|~$])")


def spoken() -> Iterator[tuple[str, str]]:
    "Yield each sentence, or fixed part of one, with the file that says it."
    for file in sorted(file for pattern in _SPEAKING for file in BOT.glob(pattern)):
        name = file.relative_to(BOT).as_posix()
        tree = ast.parse(file.read_text(encoding="utf-8"))
        yield from ((name, text) for text in _texts(tree) if _is_sentence(text))


def _is_sentence(text: str) -> bool:
    return len(text.split()) >= _FEWEST_WORDS and text not in _GITHUBS_OWN


def _texts(node: ast.AST) -> Iterator[str]:
    if _is_silent(node):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from _texts(child)


def _is_silent(node: ast.AST) -> bool:
    "True for documentation, patterns, log lines, enumerations and what only operators read."
    match node:
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Raise(exc=ast.Call(func=ast.Name(name))):
            return name not in _TO_PEOPLE
        case ast.Call(func=ast.Attribute(value=ast.Name("re" | "log"))):
            return True
        case ast.ClassDef(bases=[ast.Name("StrEnum")]):
            return True
    return False


def folded(text: str) -> str:
    "Text as it is compared: on one line, without escapes."
    return " ".join(_REPLACED.sub("", text).split())
