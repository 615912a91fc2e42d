"""What the JSON schema complains about, in plain words, at the place in the file."""

from __future__ import annotations

import datetime
import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from jsonschema.exceptions import ValidationError

from checks.contribution import Leaf
from checks.findings import Cause, Finding, Severity, Suggestion
from checks.quoting import as_code
from checks.readable import line_suggestion, may_be_private
from checks.yaml_tree import ListNode, MapNode, Mark, Node, Scalar

MISSING_KEY = Cause(
    "schema/missing-key",
    "A key is missing",
    "Without it the file cannot be used.",
    "Add the key with its value, as the template shows it.",
)
UNKNOWN_KEY = Cause(
    "schema/unknown-key",
    "A key stands here that is not known",
    "Programs refuse keys that they do not know, because they may be misspelt ones.",
    "Correct its spelling, or take it out.",
)
NOT_TEXT = Cause(
    "schema/not-text",
    "A value has to be text, but YAML reads something else",
    "Without quotes, YAML takes words such as yes and no, numbers and dates for values that are no text.",
    "Put the value in quotes.",
)
EMPTY_TEXT = Cause(
    "schema/empty-text",
    "A text is empty",
    "An empty text teaches nothing.",
    "Fill it in, or take the whole seed example out.",
)
WRONG_SHAPE = Cause(
    "schema/wrong-shape",
    "A list, a text or a group of keys stands in the wrong place",
    "Programs look for lists and texts where the template has them.",
    "Compare the place with the template. List items start with `- `, and keys of one group start at one column.",
)
EMPTY_LIST = Cause(
    "schema/empty-list", "A list is empty", "It needs at least one item.", "Add an item below the key."
)
REPEATED = Cause(
    "schema/repeated-item",
    "The same item stands in a list twice",
    "What stands there twice teaches nothing new and is refused.",
    "Take one of them out, or write a different one.",
)
CREATED_BY = Cause(
    "schema/created-by-no-username",
    "`created_by` is not a GitHub user name",
    "Your work is credited to the account named there. It has letters, digits and hyphens, without spaces.",
    "Write your GitHub user name, as in the address of your profile: `created_by: octocat`.",
)
SHAPE_CAUSES = (MISSING_KEY, UNKNOWN_KEY, NOT_TEXT, EMPTY_TEXT, WRONG_SHAPE, EMPTY_LIST, REPEATED, CREATED_BY)

_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}(?:\[bot\])?")
_COUNTED_ELSEWHERE = frozenset({"seed_examples", "questions_and_answers"})
_MOVED = {
    "task_description": "Take it out: knowledge has no `task_description` any more. "
    "Say what the document is about in `document_outline`.",
    "attribution": "Name your sources in the file `attribution.txt` beside this one instead.",
}
_OF_KNOWLEDGE = frozenset({"document", "domain", "document_outline", "questions_and_answers"})

_UNGROUPED = (
    "Group the questions by context. Give each seed example a `context` copied from your document, and a list "
    "`questions_and_answers` below it that holds its questions with their answers."
)
_NO_CONTEXT = "Fill it in, or take the key out: a skill needs no `context`."

Path = tuple[str | int, ...]
KnownKeys = Mapping[tuple[str, ...], tuple[str, ...]]


def without_echoes(errors: Iterable[ValidationError], known: KnownKeys) -> Iterator[ValidationError]:
    """Drop what another rule counts, and a missing key whose misspelt form is reported as unknown."""
    kept = [error for error in errors if not _is_counted_elsewhere(error)]
    misspelt = {
        (tuple(error.absolute_path), near)
        for error in kept
        if error.validator == "additionalProperties" and (near := _near(error, known))
    }
    ungrouped = {tuple(error.absolute_path) for error in kept if _is_ungrouped(error, known)}
    asked = {(*error.absolute_path, error.message) for error in kept if error.validator == "additionalProperties"}
    for error in kept:
        path = tuple(error.absolute_path)
        if error.validator == "required" and (path in ungrouped or (path, error.message) in misspelt):
            continue
        if path in ungrouped and error.message == "answer" and (*path, "question") in asked:
            continue
        yield error


def _is_ungrouped(error: ValidationError, known: KnownKeys) -> bool:
    """True for a question that stands in a knowledge seed example itself instead of in its list."""
    if error.validator != "additionalProperties" or error.message not in {"question", "answer"}:
        return False
    return "questions_and_answers" in known.get(_level(error), ())


def _level(error: ValidationError) -> tuple[str, ...]:
    return tuple(step for step in error.absolute_path if isinstance(step, str))


def say(leaf: Leaf, error: ValidationError, known: KnownKeys) -> Finding:
    """Return the finding for one complaint of the schema."""
    path: Path = tuple(error.absolute_path)
    node = leaf.document.node_at(path)
    if error.validator == "required":
        return _missing(leaf, path, node, str(error.message))
    if error.validator == "additionalProperties":
        return _unknown(leaf, path, node, error, known)
    if error.validator == "type":
        return _wrong_type(leaf, path, node, str(error.message))
    if error.validator == "uniqueItems":
        return _repeated(leaf, path, node, int(error.message))
    mark = _key_mark(leaf, path) or _mark(node)
    if error.validator == "minItems":
        return _finding(EMPTY_LIST, leaf, mark, f"The list {_named(path)} is empty; it needs at least one item.")
    remedy = _NO_CONTEXT if path[-1:] == ("context",) and not leaf.is_knowledge else ""
    return _finding(EMPTY_TEXT, leaf, mark, f"{_first_up(_named(path))} is empty.", remedy=remedy)


def created_by_findings(leaf: Leaf) -> Iterator[Finding]:
    """Report a `created_by` that cannot be a GitHub user name; it is never quoted, for it may be an address."""
    node = leaf.mapping.get("created_by") if leaf.mapping else None
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return
    name = node.value.strip()
    if not name or _USERNAME.fullmatch(name):
        return
    line = leaf.line_text(node.mark.line)
    bare = name.removeprefix("@")
    fix = None
    if bare != name and _USERNAME.fullmatch(bare) and line.startswith("created_by:"):
        message = "`created_by` is written with an `@` in front; leave that out."
        fix = Suggestion(node.mark.line, node.mark.line, (f"created_by: {bare}",))
    elif " " in name:
        message = "`created_by` has a space in it, which no GitHub user name has; only one creator can be named."
    else:
        message = "`created_by` holds characters that no GitHub user name has."
    yield _finding(CREATED_BY, leaf, node.mark, message, Severity.WARNING, suggestion=fix)


def _is_counted_elsewhere(error: ValidationError) -> bool:
    return (
        error.validator == "minItems"
        and bool(error.absolute_path)
        and error.absolute_path[-1] in _COUNTED_ELSEWHERE
    )


def _missing(leaf: Leaf, path: Path, node: Node | None, key: str) -> Finding:
    where = f" from {_place(path)}" if path else ""
    message = f"`{key}` is missing{where}."
    return _finding(MISSING_KEY, leaf, _mark(node), message)


def _near(error: ValidationError, known: KnownKeys) -> str | None:
    """Return the key that was probably meant and is not there yet."""
    key = str(error.message)
    level = _level(error)
    there = error.instance if isinstance(error.instance, dict) else {}
    missing = [name for name in known.get(level, ()) if name not in there]
    folded = re.sub(r"[\s-]+", "_", key.strip().lower())
    near = difflib.get_close_matches(folded[:60], missing, n=1, cutoff=0.75)
    return near[0] if near else None


def _unknown(leaf: Leaf, path: Path, node: Node | None, error: ValidationError, known: KnownKeys) -> Finding:
    key = _entry_key(node, error.message)
    mark = key.mark if key else _mark(node)
    name, here = as_code(str(error.message), 40), f"in {_place(path)}" if path else "here"
    near = _near(error, known)
    if _is_ungrouped(error, known):
        message = f"The question of {_place(path)} does not stand below a context."
        return _finding(UNKNOWN_KEY, leaf, mark, message, remedy=_UNGROUPED)
    if near:
        message = f"The key {name} is not known {here}; did you mean `{near}`?"
        return _finding(UNKNOWN_KEY, leaf, mark, message, suggestion=_renamed(leaf, key, near))
    hint = _hint(leaf, str(error.message))
    if not hint:
        hint = f"Take it out. Known there: {', '.join(f'`{k}`' for k in known.get(_level(error), ()))}."
    return _finding(UNKNOWN_KEY, leaf, mark, f"The key {name} does not belong {here}.", remedy=hint)


def _hint(leaf: Leaf, key: str) -> str:
    if key == "attribution" or (key in _MOVED and leaf.is_knowledge):
        return _MOVED[key]
    if key in _OF_KNOWLEDGE and not leaf.is_knowledge:
        return (
            "Take it out; only knowledge has this key. If yours is knowledge, move the folder below `knowledge/`."
        )
    return ""


def _renamed(leaf: Leaf, key: Scalar | None, name: str) -> Suggestion | None:
    if key is None or key.end.line != key.mark.line:
        return None
    line = leaf.line_text(key.mark.line)
    return line_suggestion(leaf, key.mark.line, line[: key.mark.column - 1] + name + line[key.end.column - 1 :])


def _wrong_type(leaf: Leaf, path: Path, node: Node | None, wanted: str) -> Finding:
    name = _named(path)
    key_mark = _key_mark(leaf, path)
    if isinstance(node, Scalar) and node.value is None:
        remedy = f'If the word itself is meant, put it in quotes: `"{node.text}"`.' if node.text else ""
        if path[-1:] == ("context",) and not leaf.is_knowledge:
            remedy = _NO_CONTEXT
        message = f"{_first_up(name)} is empty."
        return _finding(EMPTY_TEXT, leaf, key_mark or node.mark, message, remedy=remedy)
    if wanted == "string" and isinstance(node, Scalar):
        return _not_text(leaf, path, node)
    expected = {
        "string": "text",
        "array": "a list, each item starting with `- `",
        "object": "a group of keys such as `question:` and `answer:`" if _is_item(path) else "a group of keys",
    }.get(wanted, "something else")
    message = f"{_first_up(name)} has to be {expected}, but {_kind(node)} stands here."
    remedy = ""
    if wanted == "string" and isinstance(node, MapNode):
        remedy = "If the text has a colon in it, put the whole text in quotes, or write it below `|`."
    return _finding(WRONG_SHAPE, leaf, _mark(node), message, remedy=remedy)


def _not_text(leaf: Leaf, path: Path, node: Scalar) -> Finding:
    name = _named(path)
    is_key = bool(path) and isinstance(path[-1], str)
    read_as = _read_as(node.value)
    if may_be_private(node.text) and not isinstance(node.value, datetime.date):
        message = f"{_first_up(name)} has to be text, but YAML reads {read_as} here."
        return _finding(NOT_TEXT, leaf, node.mark, message)
    shown = node.text if len(node.text) <= 30 else f"{node.text[:30]}…"
    message = f"{_first_up(name)} has to be text, but YAML reads `{shown}` as {read_as}."
    in_quotes = json.dumps(node.text, ensure_ascii=False)
    example = f"{path[-1]}: {in_quotes}" if is_key else in_quotes
    return _finding(
        NOT_TEXT,
        leaf,
        node.mark,
        message,
        remedy=f"Put it in quotes: `{example}`.",
        suggestion=_in_quotes(leaf, node, in_quotes),
    )


def _in_quotes(leaf: Leaf, node: Scalar, in_quotes: str) -> Suggestion | None:
    line, start = leaf.line_text(node.mark.line), node.mark.column - 1
    if not line[start:].startswith(node.text):
        return None
    before, after = line[:start], line[start + len(node.text) :]
    if isinstance(node.value, datetime.date) and not may_be_private(before) and not may_be_private(after):
        return Suggestion(node.mark.line, node.mark.line, (before + in_quotes + after,))
    return line_suggestion(leaf, node.mark.line, before + in_quotes + after)


def _read_as(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "a number"
    return "a date" if isinstance(value, datetime.date) else "something that is no text"


def _repeated(leaf: Leaf, path: Path, node: Node | None, first: int) -> Finding:
    earlier = leaf.document.node_at((*path[:-1], first))
    what = {"seed_examples": "seed example", "questions_and_answers": "question with its answer"}.get(
        str(path[-2]) if len(path) > 1 else "", "item"
    )
    message = f"This {what} is the same as the one on line {_mark(earlier).line}."
    return _finding(REPEATED, leaf, _mark(node), message)


def _kind(node: Node | None) -> str:
    if isinstance(node, ListNode):
        return "a list"
    if isinstance(node, MapNode):
        return "a group of keys"
    return "a number" if isinstance(node, Scalar) and not isinstance(node.value, str) else "only text"


def _is_item(path: Path) -> bool:
    return bool(path) and isinstance(path[-1], int)


def _named(path: Path) -> str:
    """Name a value: "`answer`", or its place where it is an item of a list."""
    if not path:
        return "the file"
    return _place(path) if _is_item(path) else f"`{path[-1]}`"


def _place(path: Path) -> str:
    """Name the thing a path leads to: "the second question of seed example 3", "`document`", "the file"."""
    numbers = [step + 1 for step in path if isinstance(step, int)]
    lists = [str(path[at - 1]) for at, step in enumerate(path) if isinstance(step, int) and at]
    if not path:
        return "this file"
    if isinstance(path[-1], str):
        return f"`{path[-1]}`"
    if lists[-1:] == ["seed_examples"]:
        return f"seed example {numbers[-1]}"
    if lists[-1:] == ["questions_and_answers"] and len(numbers) > 1:
        return f"question {numbers[-1]} of seed example {numbers[0]}"
    return f"item {numbers[-1]} of `{lists[-1]}`" if lists else "this item"


def _entry_key(node: Node | None, key: Any) -> Scalar | None:
    entries: Sequence[tuple[Node, Node]] = node.entries if isinstance(node, MapNode) else ()
    return next((k for k, _ in entries if isinstance(k, Scalar) and k.value == key), None)


def _key_mark(leaf: Leaf, path: Path) -> Mark | None:
    parent = leaf.document.node_at(path[:-1])
    if not path or not isinstance(path[-1], str) or not isinstance(parent, MapNode):
        return None
    key = parent.key(path[-1])
    return key.mark if key else None


def _mark(node: Node | None) -> Mark:
    return node.mark if node is not None else Mark(1, 1)


def _first_up(text: str) -> str:
    return text[0].upper() + text[1:]


def _finding(
    cause: Cause,
    leaf: Leaf,
    mark: Mark,
    message: str,
    severity: Severity = Severity.ERROR,
    *,
    remedy: str = "",
    suggestion: Suggestion | None = None,
) -> Finding:
    return Finding(
        cause, severity, message, leaf.path, mark.line, mark.column, remedy=remedy, suggestion=suggestion
    )
