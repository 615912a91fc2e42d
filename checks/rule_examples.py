"""Examples for `taxonomy-check explain`: what a rule finds, and how it looks when it is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from checks.findings import RuleId


@dataclass(frozen=True, slots=True)
class Example:
    """A few lines that lead to a cause, and the same lines put right. `file` says where they stand."""

    cause: str
    wrong: str
    right: str
    file: str = "qna.yaml"


_MESSAGE = "a commit's message"
_SOURCES = "attribution.txt"
_PATH = "a path"

_EXAMPLES = (
    Example("syntax/not-utf8", "question: caf\\xe9 (saved as Latin-1)", "question: café (saved as UTF-8)"),
    Example(
        "schema/missing-key",
        "version: 3\ntask_description: Shorten.",
        "version: 3\ncreated_by: ana\ntask_description: Shorten.",
    ),
    Example("schema/old-version", "version: 1", "version: 3"),
    Example(
        "counts/too-few-questions",
        "questions_and_answers:\n  - question: Where does it nest?\n    answer: In a burrow.",
        "questions_and_answers:\n  - question: Where does it nest?\n    answer: In a burrow.\n"
        "  - question: What does it eat?\n    answer: Small fish.\n"
        "  - question: How does it hunt?\n    answer: It dives.",
    ),
    Example(
        "limits/long-context",
        "context: (four pages of text)",
        "context: (the two paragraphs that the questions are about)",
    ),
    Example("placeholders/left-in", "created_by: YOUR_GITHUB_USERNAME", "created_by: ana"),
    Example("created-by/other-name", "created_by: Ana Lopez", "created_by: ana-lopez"),
    Example(
        "pii/email", "answer: Write to the author's own address, NAME@example.org.", "answer: Write to the author."
    ),
    Example("lint/trailing-spaces", "answer: Small fish.  ", "answer: Small fish."),
    Example("hostile/alias", "answer: &same Yes.\nother: *same", 'answer: "Yes."\nother: "Yes."'),
    Example(
        "document/page-link",
        "repo: https://github.com/ana/birds/blob/main/bird.md",
        "repo: https://github.com/ana/birds.git",
    ),
    Example("document/commit", "commit: main", f"commit: {'0f1e2d3c4b' * 4}"),
    Example(
        "attribution/missing",
        "knowledge/.../kingfisher/qna.yaml, alone",
        "the same folder with attribution.txt beside it",
        _PATH,
    ),
    Example(
        "licences/spelling", "License of the work: CC BY-SA 4.0", "License of the work: CC-BY-SA-4.0", _SOURCES
    ),
    Example(
        "placement/in-category",
        "knowledge/technology/qna.yaml",
        "knowledge/technology/networks/routing/qna.yaml",
        _PATH,
    ),
    Example(
        "dco/missing", "Add kingfishers", "Add kingfishers\n\nSigned-off-by: Ana Lopez <ana@example.org>", _MESSAGE
    ),
    Example(
        "policy/unusable", "limts:\n  pair_tokens: 300", "limits:\n  pair_tokens: 300", ".github/taxonomy-bot.yml"
    ),
    Example("intake/no-files", "a pull request that changes nothing", "a pull request that adds a leaf", _PATH),
    Example(
        "document-reached/commit",
        "commit: a commit that was only ever in a fork",
        "commit: one that a branch or tag of the repository holds",
    ),
    Example(
        "document-privacy/email",
        "a page with somebody's address",
        "a page, or a revision, without it",
        "the document",
    ),
    Example(
        "context-in-document/missing",
        "context: The kingfisher is blue, I think.",
        "context: (a passage copied out of the document, word for word)",
    ),
    Example(
        "source/not-approved", "repo: https://github.com/ana/my-blog.git", "a repository with pages of Wikipedia"
    ),
    Example(
        "duplicates/in-contribution",
        "- question: Where does it nest?\n- question: Where does it nest, then?",
        "- question: Where does it nest?\n- question: What does it eat?",
    ),
    Example(
        "examples/very-short",
        "question: Bird?\nanswer: Yes.",
        "question: Is the wren a bird?\nanswer: Yes, a very small one.",
    ),
    Example(
        "mixup/knowledge-in-skills",
        "question: When was the bridge built?\nanswer: In 1890.",
        "the same facts below knowledge/, with the document they come from",
    ),
    Example(
        "description/box-not-ticked",
        "- [ ] I have signed off my commits",
        "- [x] I have signed off my commits",
        "the description",
    ),
    Example(
        "topics/avoided", "task_description: Tell jokes.", "task_description: Tell an anecdote in two sentences."
    ),
    Example(
        "machine-written/text",
        "answer: As a large language model, I cannot ...",
        "answer: (what a person would say)",
    ),
)


def examples_of(identifier: str) -> tuple[Example, ...]:
    """Return the examples of a rule ("dco"), or those of one cause of it ("dco/missing")."""
    found = _BY_RULE.get(RuleId(identifier.partition("/")[0]), ())
    return tuple(example for example in found if identifier in (example.cause, example.cause.partition("/")[0]))


def _by_rule() -> Mapping[RuleId, tuple[Example, ...]]:
    found: dict[RuleId, tuple[Example, ...]] = {}
    for example in _EXAMPLES:
        rule = RuleId(example.cause.partition("/")[0])
        found[rule] = (*found.get(rule, ()), example)
    return MappingProxyType(found)


_BY_RULE = _by_rule()
