"""Rule: the file is written tidily, by the same yardstick as upstream (yamllint "relaxed" without line length)."""

from __future__ import annotations

from collections.abc import Iterator

from checks.contribution import Contribution, Leaf
from checks.findings import Cause, Finding, Severity, Suggestion, Tidying
from checks.policy import Policy
from checks.quoting import as_code
from checks.readable import line_suggestion, parsed_leaves
from checks.registry import rule
from checks.yaml_style import StyleProblem, is_switched_off, style_problems

_WHY = "Untidy files make later changes hard to review, and the project's other tools refuse them."

TRAILING_SPACES = Cause(
    "lint/trailing-spaces",
    "Lines end in spaces",
    _WHY,
    "Delete the spaces at the end of these lines. Most editors can do it for the whole file.",
)
NO_FINAL_NEWLINE = Cause(
    "lint/no-final-newline",
    "The last line does not end with a line break",
    _WHY,
    "Press Enter once after the last line.",
)
LINE_ENDS = Cause(
    "lint/windows-line-ends",
    "Lines end as on Windows",
    _WHY,
    'Choose "LF" instead of "CRLF" at the bottom of your editor, and save the file.',
)
DUPLICATE_KEY = Cause(
    "lint/duplicate-key",
    "A key stands twice in one place",
    "Only the last of them is read, and the text of the other is lost.",
    'Take one of them out. If a new seed example begins here, start it with "- ".',
)
INDENTATION = Cause(
    "lint/indentation",
    "The indentation is not regular",
    _WHY,
    "Indent everything that belongs together by the same number of spaces, best by two.",
)
EMPTY_LINES = Cause(
    "lint/empty-lines", "There are many empty lines", _WHY, "Leave at most two empty lines together."
)
SPACING = Cause(
    "lint/spacing",
    "There are too many or too few spaces around a sign",
    _WHY,
    "Write one space after the sign and none before it. That goes for colons, commas and the dash of a list item.",
)
ALIAS = Cause(
    "lint/anchors",
    "A reference leads to nothing",
    "The file cannot be read where a `*name` refers to something that is not there.",
    "Write the text out where it is needed.",
)

_CAUSES = {
    "trailing-spaces": (TRAILING_SPACES, "This line ends in spaces."),
    "new-line-at-end-of-file": (NO_FINAL_NEWLINE, "The last line does not end with a line break."),
    "new-lines": (LINE_ENDS, "The lines of this file end in the way of Windows (CRLF)."),
    "indentation": (INDENTATION, "This line is indented by another number of spaces than the others."),
    "empty-lines": (EMPTY_LINES, "There are more empty lines here than needed."),
    "colons": (SPACING, "The spaces around this colon are irregular."),
    "commas": (SPACING, "The spaces around this comma are irregular."),
    "braces": (SPACING, "The spaces inside these braces are irregular."),
    "brackets": (SPACING, "The spaces inside these brackets are irregular."),
    "hyphens": (SPACING, "There are too many spaces after this dash."),
    "anchors": (ALIAS, "The `*` here refers to a name that is given nowhere in the file."),
}
_TIDYINGS = {
    TRAILING_SPACES: Tidying.TRAILING_SPACES,
    NO_FINAL_NEWLINE: Tidying.FINAL_NEWLINE,
    LINE_ENDS: Tidying.LINE_ENDS,
    EMPTY_LINES: Tidying.EMPTY_LINES,
}
_OTHER = (SPACING, "This line is not written tidily.")
_MERGE_KEY = "<<"
_MOST_PER_FILE = 200


@rule(
    "lint",
    title="The file is written tidily",
    why="The same style everywhere keeps reviews short: a change shows what was changed, and nothing else.",
    causes=(DUPLICATE_KEY, ALIAS, TRAILING_SPACES, NO_FINAL_NEWLINE, LINE_ENDS, INDENTATION, EMPTY_LINES, SPACING),
    order=60,
)
def find(contribution: Contribution, policy: Policy) -> Iterator[Finding]:
    """Report what yamllint's relaxed rules report, but for line length, which long answers may have."""
    for leaf in parsed_leaves(contribution, policy):
        text = leaf.text or ""
        if is_switched_off(text) or leaf.document.more_documents:
            continue
        problems = style_problems(text, leaf.document)
        problems.sort(key=lambda problem: not problem.is_error)  # errors are told first, so none is left out
        for problem in problems[:_MOST_PER_FILE]:
            yield _finding(leaf, problem)
        yield from _duplicate_keys(leaf)


def _duplicate_keys(leaf: Leaf) -> Iterator[Finding]:
    for key in leaf.document.duplicate_keys[:_MOST_PER_FILE]:
        if key.text != _MERGE_KEY:
            message = f"The key {as_code(key.text, 40)} stands here a second time."
            mark = key.mark
            yield Finding(DUPLICATE_KEY, Severity.ERROR, message, leaf.path, mark.line, mark.column)


def _finding(leaf: Leaf, problem: StyleProblem) -> Finding:
    cause, message = _CAUSES.get(problem.rule, _OTHER)
    remedy = ""
    if cause is EMPTY_LINES and (place := _end_of_file(leaf, problem.line)):
        message = f"There are empty lines at the {place} of the file."
        remedy = "Delete them all." if place == "start" else "Delete them all; the last line of text ends the file."
    return Finding(
        cause,
        Severity.ERROR if problem.is_error else Severity.WARNING,
        message,
        leaf.path,
        problem.line,
        problem.column,
        remedy,
        suggestion=_fix(leaf, problem),
        tidying=_TIDYINGS.get(cause),
    )


def _end_of_file(leaf: Leaf, line: int) -> str:
    """Say at which end of the file an empty line stands, if at one."""
    if not any(leaf.lines[line - 1 :]):
        return "end"
    return "" if any(leaf.lines[:line]) else "start"


def _fix(leaf: Leaf, problem: StyleProblem) -> Suggestion | None:
    line = leaf.line_text(problem.line)
    if problem.rule in {"trailing-spaces", "new-line-at-end-of-file"}:
        return line_suggestion(leaf, problem.line, line.rstrip(" \t"))
    if problem.rule in {"colons", "commas"}:
        spaced = _evenly_spaced(line, problem.column - 1)
        return line_suggestion(leaf, problem.line, spaced) if spaced != line else None
    return None


def _evenly_spaced(line: str, at: int) -> str:
    """Return the line with one space behind the sign that is meant at `at`, or none before it."""
    if line[at : at + 1] != " ":
        is_behind_comma = 0 < at <= len(line) and line[at - 1] == ","
        return f"{line[:at]} {line[at:]}" if is_behind_comma else line
    before, after = line[:at].rstrip(" "), line[at:].lstrip(" ")
    if before.strip() and after.startswith((":", ",")):
        return before + after
    return f"{before} {after}" if before.endswith((":", ",")) else line
