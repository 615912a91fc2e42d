"""The line `version:` of a qna.yaml: whether it is accepted, and which schema the rest is read by."""

from __future__ import annotations

from dataclasses import dataclass

from checks.contribution import Leaf
from checks.findings import Cause, Finding, Severity, Suggestion
from checks.policy import Policy
from checks.quoting import quoted
from checks.readable import accepted_versions, is_outdated_knowledge, line_suggestion
from checks.yaml_tree import Mark, Node, Scalar

_WHY = "The version tells programs how to read the file. Older versions are no longer read."

MISSING = Cause("schema/missing-version", "The `version:` line is missing", _WHY, "Add it as the first line.")
OLD_VERSION = Cause(
    "schema/old-version",
    "The file is written in an older version",
    _WHY,
    "Change the `version:` line to an accepted version, and what that version asks for.",
)
NO_SUCH_VERSION = Cause(
    "schema/no-such-version",
    "The `version:` line names a version that does not exist",
    _WHY,
    "Write an accepted version.",
)
NOT_A_NUMBER = Cause(
    "schema/version-not-a-number",
    "The version is not a whole number",
    _WHY,
    "Write the number alone: `version: 3`.",
)
VERSION_CAUSES = (MISSING, OLD_VERSION, NO_SUCH_VERSION, NOT_A_NUMBER)

_KNOWLEDGE_STEPS = (
    "Start from the version {} template and copy your questions over. Knowledge is grouped by context now: each "
    "seed example holds a `context` copied from your document and a list `questions_and_answers` with its "
    "questions; `document_outline` says what the document is about, and `task_description` is gone."
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What is said of the version. `schema` is the one to read the rest by; None when that would be no use."""

    schema: int | None
    finding: Finding | None = None
    is_upgrade: bool = False


def judge_version(leaf: Leaf, policy: Policy) -> Judged:
    """Judge the `version:` of a leaf that has keys."""
    accepted = accepted_versions(leaf, policy)
    if not accepted:
        return Judged(None, _nothing_accepted(leaf))
    newest = max(accepted)
    node = leaf.mapping.get("version") if leaf.mapping else None
    number = _number(node)
    if number in accepted and _is_written_as_number(node):
        return Judged(number)
    if is_outdated_knowledge(leaf, policy):
        return Judged(None, _outdated_knowledge(leaf, accepted))
    if node is None:
        return Judged(newest, _missing(leaf, accepted), is_upgrade=not leaf.is_knowledge)
    if number is None or not _is_written_as_number(node):
        return Judged(number if number in accepted else newest, _not_a_number(leaf, node, number, accepted))
    if number < newest:
        return Judged(newest, _old(leaf, number, accepted), is_upgrade=not leaf.is_knowledge)
    message = f"Version {str(number)[:20]} does not exist. {_accepted(leaf, accepted)}"
    fix = _changed(leaf, node, newest)
    return Judged(newest, _finding(NO_SUCH_VERSION, leaf, message, fix, f"Write `version: {newest}`."))


def _number(node: Node | None) -> int | None:
    """Return the number that is meant, however it is written."""
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 4 else None
    return value if isinstance(value, int) else None


def _is_written_as_number(node: Node | None) -> bool:
    return isinstance(node, Scalar) and not isinstance(node.value, str)


def _outdated_knowledge(leaf: Leaf, accepted: tuple[int, ...]) -> Finding:
    cause = OLD_VERSION if leaf.mapping and leaf.mapping.get("version") else MISSING
    old = f"Version {leaf.version} of knowledge is no longer accepted."
    message = f"{old if cause is OLD_VERSION else '`version` is missing.'} {_accepted(leaf, accepted)}"
    return _finding(cause, leaf, message, remedy=_KNOWLEDGE_STEPS.format(max(accepted)))


def _missing(leaf: Leaf, accepted: tuple[int, ...]) -> Finding:
    version = max(accepted)
    line = leaf.mapping.mark.line if leaf.mapping else 1
    first = leaf.line_text(line)
    on_own_line = leaf.mapping is not None and leaf.mapping.mark.column == 1 and not first.startswith("{")
    fix = line_suggestion(leaf, line, f"version: {version}", first) if on_own_line else None
    message = f"`version` is missing. {_accepted(leaf, accepted)}"
    return _finding(MISSING, leaf, message, fix, f"Add `version: {version}` as the first line.")


def _old(leaf: Leaf, number: int, accepted: tuple[int, ...]) -> Finding:
    newest = max(accepted)
    node = leaf.mapping.get("version") if leaf.mapping else None
    message = f"Version {number} is too old. {_accepted(leaf, accepted)}"
    remedy = f"Change the line to `version: {newest}`."
    return _finding(OLD_VERSION, leaf, message, _changed(leaf, node, newest), remedy)


def _not_a_number(leaf: Leaf, node: Node, number: int | None, accepted: tuple[int, ...]) -> Finding:
    newest = number if number in accepted else max(accepted)
    found = f", but {quoted(node.text, 20)} stands here" if isinstance(node, Scalar) and node.text else ""
    in_quotes = isinstance(node, Scalar) and not node.plain and number is not None
    hint = " Take the quotes away." if in_quotes else ""
    message = f"`version` has to be a whole number{found}.{hint} {_accepted(leaf, accepted)}"
    return _finding(NOT_A_NUMBER, leaf, message, _changed(leaf, node, newest), f"Write `version: {newest}`.")


def _nothing_accepted(leaf: Leaf) -> Finding:
    kind = "knowledge" if leaf.is_knowledge else "skills"
    message = f"This project accepts no {kind} at present."
    return _finding(NO_SUCH_VERSION, leaf, message, remedy="Ask the maintainers; nothing in your file is wrong.")


def _accepted(leaf: Leaf, accepted: tuple[int, ...]) -> str:
    kind = "knowledge" if leaf.is_knowledge else "skills"
    listed = " or ".join(f"`version: {version}`" for version in accepted)
    return f"Accepted for {kind}: {listed}."


def _changed(leaf: Leaf, node: Node | None, version: int) -> Suggestion | None:
    line = leaf.line_text(node.mark.line) if node else ""
    if node is None or not line.startswith("version:") or node.end.line != node.mark.line:
        return None
    rest = line[node.end.column - 1 :]
    return line_suggestion(leaf, node.mark.line, f"version: {version}{rest}")


def _finding(
    cause: Cause, leaf: Leaf, message: str, suggestion: Suggestion | None = None, remedy: str = ""
) -> Finding:
    node = leaf.mapping.get("version") if leaf.mapping else None
    mark = node.mark if node else leaf.mapping.mark if leaf.mapping else Mark(1, 1)
    return Finding(
        cause, Severity.ERROR, message, leaf.path, mark.line, mark.column, remedy=remedy, suggestion=suggestion
    )
