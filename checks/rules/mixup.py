"""Rule: facts lie in the knowledge tree, and what is done with words in the skills tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from checks.contribution import KNOWLEDGE_ROOT, LEAF_FILE, SKILL_ROOT, Contribution, Leaf, LeafKind
from checks.findings import Cause, Finding, Severity
from checks.phrases import load
from checks.policy import Policy
from checks.question_forms import asks_for_fact, asks_to_do, is_instruction, shared_subject
from checks.quoting import as_code
from checks.readable import mapping_leaves
from checks.registry import rule
from checks.taxonomy_paths import GROUNDED, better_name
from checks.yaml_tree import Scalar

_WHY = (
    "A model learns facts from a document, and skills from examples of doing something. Facts without a document "
    "are learned badly, and a document is no help for a skill."
)

KNOWLEDGE_IN_SKILLS = Cause(
    "mixup/knowledge-in-skills",
    "A skill looks like knowledge: its questions ask for facts",
    _WHY,
    "Move it into the knowledge tree, with a document behind it. Or let the questions ask to have something done.",
)
SKILL_IN_KNOWLEDGE = Cause(
    "mixup/skill-in-knowledge",
    "Knowledge looks like a skill: its questions ask for something to be done",
    _WHY,
    "Move it into compositional_skills/. Or ask for what the document says.",
)

_FACTS, _SURE_FACTS, _TASKS = 0.6, 0.85, 0.5
_GROUNDED_SHARE = 0.5
_TEACHES_FACTS = re.compile(
    r"\b(?:facts?|trivia|(?:general )?knowledge|history|biography|overview|details about|information (?:about|on)"
    r"|learn(?:s|ing)? about|know(?:s|ing)? about|teach(?:es)? .{0,40}\babout"
    r"|questions? (?:about|on|regarding|related to))\b",
    re.IGNORECASE,
)
_SKILL_FOLDERS = frozenset(load("question_words.yaml")["skill_folders"])


@rule(
    "mixup",
    title="Facts are knowledge, and what is done with words is a skill",
    why=_WHY,
    causes=(KNOWLEDGE_IN_SKILLS, SKILL_IN_KNOWLEDGE),
    order=35,
    since=date(2026, 11, 21),
)
def find(contribution: Contribution, policy: Policy) -> Iterator[Finding]:
    """Report leaves whose questions belong into the other tree; two questions at least are needed to say so."""
    for leaf in mapping_leaves(contribution, policy):
        if leaf.kind is LeafKind.SKILL:
            yield from _knowledge_in_skills(leaf)
        elif leaf.kind is LeafKind.KNOWLEDGE:
            yield from _skill_in_knowledge(leaf)


def _knowledge_in_skills(leaf: Leaf) -> Iterator[Finding]:
    pairs = [pair for pair in leaf.pairs if pair.question]
    grounded = sum(1 for seed in leaf.seed_examples if seed.context)
    if len(pairs) < 2 or grounded > _GROUNDED_SHARE * len(leaf.seed_examples):
        return
    subject = shared_subject(pairs)
    facts = sum(asks_for_fact(pair, subject) for pair in pairs)
    share = facts / len(pairs)
    agrees = bool(subject) or _says_that_it_teaches_facts(leaf)
    if any(map(is_instruction, pairs)) or share < (_FACTS if agrees else _SURE_FACTS):
        return
    message = f"{facts} of {len(pairs)} questions ask for facts, and no document says them."
    remedy = f"Move it to {as_code(_place(leaf, KNOWLEDGE_ROOT), 150)}, with a document behind it."
    yield Finding(KNOWLEDGE_IN_SKILLS, Severity.WARNING, message, leaf.path, pairs[0].line, 1, remedy)


def _skill_in_knowledge(leaf: Leaf) -> Iterator[Finding]:
    pairs = [pair for pair in leaf.pairs if pair.question]
    tasks = sum(map(asks_to_do, pairs))
    if len(pairs) < 2 or tasks < _TASKS * len(pairs):
        return
    message = f"{tasks} of {len(pairs)} questions ask for something to be done instead of asking for facts."
    remedy = f"If it is a skill, move it to {as_code(_place(leaf, SKILL_ROOT), 150)}."
    yield Finding(SKILL_IN_KNOWLEDGE, Severity.WARNING, message, leaf.path, pairs[0].line, 1, remedy)


def _says_that_it_teaches_facts(leaf: Leaf) -> bool:
    task = leaf.mapping.get("task_description") if leaf.mapping else None
    folders = leaf.file.folder.replace("_", " ").replace("/", ", ")
    said = task.text[:1000] if isinstance(task, Scalar) else ""
    return bool(_TEACHES_FACTS.search(said) or _TEACHES_FACTS.search(folders))


def _place(leaf: Leaf, root: str) -> str:
    """Return where the leaf had better lie, as far as its folders tell."""
    folders = [better_name(f) for f in leaf.file.folder.split("/")[1:]]
    kept = [f for f in folders if f] or ["your_topic"]
    if root == KNOWLEDGE_ROOT:
        kept = [f for f in kept if f not in _SKILL_FOLDERS] or ["your_domain"]
    elif any(seed.context for seed in leaf.seed_examples):
        kept = [GROUNDED, *(f for f in kept if f != GROUNDED)]
    if len(kept) < 2:
        kept = [*kept, "your_topic"]
    return f"{root}/{'/'.join(kept)}/{LEAF_FILE}"
