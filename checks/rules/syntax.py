"""Rule: every qna.yaml can be read: it is UTF-8, it is YAML, and it holds keys with values."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from checks.contribution import Contribution, Leaf
from checks.findings import Cause, Finding, Severity, Suggestion, Tidying
from checks.policy import Policy
from checks.readable import UTF16_MARKS, is_binary, is_too_large, line_suggestion, text_leaves
from checks.registry import rule
from checks.syntax_words import CONTROL, NOT_YAML_CAUSES, TAB, explain
from checks.tab_indents import without_tab_indents
from checks.yaml_tree import Scalar, parse

NOT_UTF8 = Cause(
    "syntax/not-utf8",
    "A file is not saved as UTF-8",
    "UTF-8 is how the project's tools read letters. Saved in another way, some of them cannot be read.",
    'Open the file in your editor and save it again with the encoding "UTF-8".',
)
EMPTY = Cause(
    "syntax/empty-file",
    "A qna.yaml is empty",
    "An empty file teaches nothing.",
    "Fill it in after the template, or take it out of the pull request.",
)
NO_KEYS = Cause(
    "syntax/no-keys",
    "A qna.yaml does not start with keys such as `version:`",
    "The file is read by its keys. Without them nothing in it can be found.",
    "Start it with the keys of the template, each on a line of its own. The first is `version:`.",
)

_ONLY_A_LIST = (
    "Put the line `seed_examples:` above the list. It looks as if only the seed examples are here; `version:`, "
    "`created_by:` and the other keys of the template stand on lines of their own before it."
)
_LONGEST_SCANNED = 100_000
_LONGEST_SHOWN = 120
_SUGGESTABLE = re.compile(r"(?P<head>\s*(?:- +)*[A-Za-z_]\w*: +)(?P<value>[^\s'\"|>#].*?)\s*")


@rule(
    "syntax",
    title="Every qna.yaml can be read",
    why="Nothing else can be checked before the file can be read.",
    causes=(NOT_UTF8, EMPTY, NO_KEYS, *NOT_YAML_CAUSES),
    order=10,
    switchable=False,
)
def find(contribution: Contribution, policy: Policy) -> Iterator[Finding]:
    """Report leaves that are not UTF-8, not YAML, empty, or without keys."""
    for leaf in contribution.leaves:
        if leaf.decode_error_at is not None and not is_too_large(leaf.file, policy) and not is_binary(leaf.file):
            yield _not_utf8(leaf, leaf.decode_error_at)
    for leaf in text_leaves(contribution, policy):
        if leaf.document.syntax is not None:
            yield _not_yaml(leaf)
        elif not leaf.document.hostile:
            yield from _not_keyed(leaf)
            yield from _stray_tab(leaf)


def _not_utf8(leaf: Leaf, offset: int) -> Finding:
    content = leaf.file.content or b""
    before = content[:offset]
    line = before.count(b"\n") + 1
    column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
    is_utf16 = content.startswith(UTF16_MARKS)
    if is_utf16:
        message = 'This file is saved as UTF-16 (some editors call it "Unicode"), not as UTF-8.'
    else:
        message = f"The character at line {line}, column {column} is not saved as UTF-8."
    fix = Tidying.ENCODING if is_utf16 else None
    return Finding(NOT_UTF8, Severity.ERROR, message, leaf.path, line, column, tidying=fix)


def _not_yaml(leaf: Leaf) -> Finding:
    problem = leaf.document.syntax
    if problem is None:  # the caller has looked
        raise ValueError("the leaf has no syntax problem")
    said = explain(problem, leaf)
    suggestion = _quoted_line(leaf, said.mark.line) if said.quoting_helps else None
    return Finding(
        said.cause,
        Severity.ERROR,
        said.message,
        leaf.path,
        said.mark.line,
        said.mark.column,
        remedy=said.remedy or _in_quotes(suggestion),
        suggestion=suggestion,
        tidying=_tidying(leaf, said.cause),
    )


def _tidying(leaf: Leaf, cause: Cause) -> Tidying | None:
    if cause is CONTROL:
        return Tidying.HIDDEN_CHARACTERS
    return Tidying.TABS if cause is TAB and without_tab_indents(leaf.text or "") is not None else None


def _in_quotes(suggestion: Suggestion | None) -> str:
    """Show the author's own line as it should read, where it is short enough for a sentence."""
    line = suggestion.lines[0].strip() if suggestion else ""
    if not line or "`" in line or len(line) > _LONGEST_SHOWN:
        return ""
    return f"Put the text in quotes: `{line}`. Or write `|` after the key and the text indented below it."


def _not_keyed(leaf: Leaf) -> Iterator[Finding]:
    root = leaf.document.root
    if root is None or (isinstance(root, Scalar) and root.plain and root.text == ""):
        text = leaf.text or ""
        message = "This file holds only comments: nothing in it is read." if text.strip() else "This file is empty."
        yield Finding(EMPTY, Severity.ERROR, message, leaf.path, 1, 1)
    elif leaf.mapping is None:
        what = "one long text" if isinstance(root, Scalar) else "a list"
        message = f"The whole file is read as {what}, not as keys with values."
        remedy = "" if isinstance(root, Scalar) else _ONLY_A_LIST
        yield Finding(NO_KEYS, Severity.ERROR, message, leaf.path, root.mark.line, root.mark.column, remedy=remedy)


def _stray_tab(leaf: Leaf) -> Iterator[Finding]:
    """Report a tab that libyaml reads over while PyYAML's own scanner, and so upstream, refuses the file."""
    text = leaf.text or ""
    if "\t" not in text or len(text) > _LONGEST_SCANNED:
        return
    try:
        for _ in yaml.scan(text, Loader=yaml.BaseLoader):
            pass
    except yaml.scanner.ScannerError as error:
        mark = error.problem_mark
        line = leaf.line_text(mark.line + 1) if mark else ""
        if mark is None or line[mark.column : mark.column + 1] != "\t":
            return
        spaced = line[: mark.column].rstrip(" \t") + line[mark.column :].replace("\t", " ").rstrip()
        fix = line_suggestion(leaf, mark.line + 1, spaced)
        message = "A tab stands here where YAML wants spaces. Some programs read over it, others refuse the file."
        yield Finding(TAB, Severity.ERROR, message, leaf.path, mark.line + 1, mark.column + 1, suggestion=fix)
    except yaml.YAMLError:
        return


def _quoted_line(leaf: Leaf, line: int) -> Suggestion | None:
    """Offer the line with its value in quotes, when that alone makes the line readable."""
    written = _SUGGESTABLE.fullmatch(leaf.line_text(line)[:2000])
    if written is None or _goes_on(leaf, line, len(written["head"]) - len(written["head"].lstrip())):
        return None
    value = written["value"].replace("\\", "\\\\").replace('"', '\\"')
    quoted = f'{written["head"]}"{value}"'
    return line_suggestion(leaf, line, quoted) if parse(quoted).syntax is None else None


def _goes_on(leaf: Leaf, line: int, indent: int) -> bool:
    following = leaf.line_text(line + 1)
    return bool(following.strip()) and len(following) - len(following.lstrip()) > indent and ":" not in following
