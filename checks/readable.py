"""Which leaves are sound enough to look inside, and when a line may be offered back as a suggestion.

A leaf that is too large, not YAML or hostile has one finding of its own; what the other rules would say
of it would only be consequences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from checks.contribution import ChangedFile, Contribution, Leaf, LeafKind
from checks.findings import Suggestion
from checks.policy import Policy
from checks.yaml_tree import MapNode

_LONGEST_SUGGESTION = 2000
_MAYBE_PRIVATE = re.compile(r"[\w.+-]@\w|\d(?:[ ().+-]?\d){6}")
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def is_too_large(file: ChangedFile, policy: Policy) -> bool:
    """True for a file over the policy's size limit."""
    return max(file.size, len(file.content or b"")) > policy.limits.file_bytes


def is_binary(file: ChangedFile) -> bool:
    """True for content that is no text in any encoding people save by accident."""
    content = file.content or b""
    return b"\0" in content and not content.startswith(UTF16_MARKS)


def text_leaves(contribution: Contribution, policy: Policy) -> Iterator[Leaf]:
    """Yield the leaves that are text of a bearable size; they may still be broken YAML."""
    for leaf in contribution.leaves:
        if leaf.text is not None and not is_too_large(leaf.file, policy) and not is_binary(leaf.file):
            yield leaf


def parsed_leaves(contribution: Contribution, policy: Policy) -> Iterator[Leaf]:
    """Yield the leaves that are YAML and hold anything."""
    for leaf in text_leaves(contribution, policy):
        if leaf.document.root is not None and leaf.document.syntax is None and not leaf.document.hostile:
            yield leaf


def mapping_leaves(contribution: Contribution, policy: Policy) -> Iterator[Leaf]:
    """Yield the leaves that are YAML with keys at the top."""
    return (leaf for leaf in parsed_leaves(contribution, policy) if leaf.mapping is not None)


def accepted_versions(leaf: Leaf, policy: Policy) -> tuple[int, ...]:
    """Return the values of `version` that the policy accepts for this kind of leaf, ascending."""
    return tuple(sorted(policy.versions.knowledge if leaf.is_knowledge else policy.versions.skill))


def is_outdated_knowledge(leaf: Leaf, policy: Policy) -> bool:
    """True for knowledge in a schema that is no longer accepted: its shape has to change as a whole."""
    if leaf.kind is not LeafKind.KNOWLEDGE or leaf.mapping is None:
        return False
    accepted = accepted_versions(leaf, policy)
    if leaf.version is None or leaf.version in accepted or leaf.version >= max(accepted, default=0):
        return False
    return leaf.mapping.get("version") is not None or not _has_contexts(leaf)


def line_suggestion(leaf: Leaf, line: int, *replacement: str) -> Suggestion | None:
    """Offer `replacement` for a line, unless it is long or may hold private data that must not be echoed."""
    written = (leaf.line_text(line), *replacement)
    if any(len(text) > _LONGEST_SUGGESTION or _MAYBE_PRIVATE.search(text) for text in written):
        return None
    return Suggestion(line, line, replacement)


def may_be_private(text: str) -> bool:
    """True for text that may be an address or a number of a person, so that no message quotes it."""
    return _MAYBE_PRIVATE.search(text) is not None


def _has_contexts(leaf: Leaf) -> bool:
    nodes = (seed.node for seed in leaf.seed_examples)
    return any(isinstance(node, MapNode) and node.get("questions_and_answers") is not None for node in nodes)
