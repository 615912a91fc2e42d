"""Rule: nothing of the template is left."""

from __future__ import annotations

import re
from collections.abc import Iterator

from checks.contribution import ATTRIBUTION_FILE, Contribution, FileStatus, Leaf, Login, text_of
from checks.findings import Cause, Finding, Severity, Suggestion
from checks.policy import Policy
from checks.readable import is_binary, is_too_large, line_suggestion, mapping_leaves
from checks.registry import rule
from checks.yaml_tree import MapNode, Node, Scalar

LEFT_IN = Cause(
    "placeholders/left-in",
    "Parts of the template are still to be filled in",
    "The template's own words would be taught to the model as if they were yours.",
    "Replace them with your own text.",
)

_WORDS = {
    "YOUR_GITHUB_USERNAME": "your GitHub user name",
    "SPECIFY_KNOWLEDGE_DOMAIN": 'the field your knowledge belongs to, such as "astronomy"',
    "YOUR_COMMIT_SHA": "the 40 characters that name the commit of your document",
    "YOUR_GITHUB_REPO_URL": "the address of the repository that holds your document",
    "YOUR_GITHUB_REPO": "the address of the repository that holds your document",
    "YOUR_DOCUMENT_REPO": "the address of the repository that holds your document",
}
_WORD = re.compile("(?<![A-Za-z0-9])(?:" + "|".join(sorted(_WORDS, key=len, reverse=True)) + ")(?![A-Za-z0-9_])")

_ORDINALS = "first|second|third|fourth|fifth"
_SENTENCES = re.compile(
    rf"""
    provide\ a\ description\ of\ the\ skill\.?
    | question\ for\ the\ model\.?
    | the\ desired\ response\ from\ the\ model\.?
    | (?:{_ORDINALS})\ question\ about\ this\ context\??
    | answer\ to\ the\ (?:{_ORDINALS})\ question\.?
    | (?:\#\ )?(?:{_ORDINALS})\ context\ block\ \(max\ 500\ tokens\).*
    | (?:\#\ )?paste\ your\ (?:{_ORDINALS})\ chunk\ of\ knowledge\ content\ here\.?
    | provide\ an\ overview\ of\ your\ knowledge\ document\ here\..*
    | describe\ what\ information\ it\ contains\ and\ its\ structure\.?
    | grounded\ skills\ require\ the\ user\ to\ provide\ context\ containing\ information\ that.*
    | <\s*(?:multi-?line\ )?string\s*>
    | <\s*(?:your\ )?git\s?hub[ _-]?(?:user\s?name|handle|id)\s*>
    """,
    re.IGNORECASE | re.VERBOSE,
)
_ATTRIBUTION_LINE = re.compile(
    r"(?:[\w ]+:\s*)?\[\s*"
    r"(?:link to (?:source|work|the work)|title of work|licen[cs]e of the work|creator names?)\s*\]",
    re.IGNORECASE,
)
_FIELDS_OF_NAMES = frozenset({"created_by", "domain", "repo", "commit"})


@rule(
    "placeholders",
    title="Nothing of the template is left",
    why="What the template says in your place is no seed example, and no name of yours.",
    causes=(LEFT_IN,),
    order=40,
)
def find(contribution: Contribution, policy: Policy) -> Iterator[Finding]:
    """Report words and sentences of the published templates in leaves and attribution files."""
    for leaf in mapping_leaves(contribution, policy):
        yield from _in_leaf(leaf, contribution.author)
    for file in contribution.files:
        readable = file.in_taxonomy and not is_too_large(file, policy) and not is_binary(file)
        if file.name == ATTRIBUTION_FILE and readable and (text := text_of(file)):
            yield from _in_attribution(file.path, text)


def _in_leaf(leaf: Leaf, author: Login | None) -> Iterator[Finding]:
    for key, value in _named_scalars(leaf):
        said = _placeholder(key, value.text)
        if said:
            message = (
                f"`{key}` still holds the template's words." if key else "The template's words are still here."
            )
            fix = _signed(leaf, value, author) if key == "created_by" and author else None
            yield Finding(
                LEFT_IN, Severity.ERROR, message, leaf.path, value.mark.line, value.mark.column, said, fix
            )


def _signed(leaf: Leaf, value: Scalar, author: Login) -> Suggestion | None:
    """Offer the line of a new leaf with the name of whoever opened the pull request."""
    line = leaf.line_text(value.mark.line)
    if leaf.file.status is not FileStatus.ADDED or not line.startswith("created_by:"):
        return None
    return line_suggestion(leaf, value.mark.line, f"created_by: {author}") if value.plain else None


def _placeholder(key: str, text: str) -> str | None:
    folded = " ".join(text.split())
    word = _WORD.search(folded)
    if word and (key in _FIELDS_OF_NAMES or word.group() == folded):
        return f"Write {_WORDS[word.group()]} instead of `{word.group()}`."
    if len(folded) < 2000 and _SENTENCES.fullmatch(folded):
        return "Write your own text there."
    return None


def _named_scalars(leaf: Leaf) -> Iterator[tuple[str, Scalar]]:
    """Yield every value with the key it stands under; list items go by the key of their list."""
    stack: list[tuple[str, Node]] = [("", leaf.document.root)] if leaf.document.root is not None else []
    while stack:
        name, node = stack.pop()
        if isinstance(node, Scalar):
            yield name, node
        elif isinstance(node, MapNode):
            stack.extend((k.text[:40] if isinstance(k, Scalar) else name, v) for k, v in reversed(node.entries))
        else:
            stack.extend((name, item) for item in reversed(node.items))


def _in_attribution(path: str, text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), 1):
        found = _ATTRIBUTION_LINE.fullmatch(line.strip()[:200])
        if found:
            message, remedy = "This line is still the template's.", "Write the facts about your own source there."
            column = len(line) - len(line.lstrip()) + 1
            yield Finding(LEFT_IN, Severity.ERROR, message, path, number, column, remedy)
