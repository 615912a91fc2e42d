"""Rule: there are enough seed examples, and they differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from checks.contribution import Contribution, Leaf, QuestionAnswer, SeedExample
from checks.findings import Cause, Finding, Severity
from checks.policy import Policy
from checks.readable import is_outdated_knowledge, mapping_leaves
from checks.registry import rule
from checks.yaml_tree import ListNode, MapNode, Mark, Scalar

FEW_EXAMPLES = Cause(
    "counts/too-few-examples",
    "There are too few seed examples",
    "The teacher model learns the pattern from your examples. With too few of them it repeats itself.",
    "Write more seed examples, each with a question and an answer of its own.",
)
FEW_QUESTIONS = Cause(
    "counts/too-few-questions",
    "A context has too few questions",
    "Several questions about one context show the teacher model what is worth asking about it.",
    "Add more questions with their answers below this `context`, in its `questions_and_answers` list.",
)
FEW_DIFFERENT = Cause(
    "counts/too-few-different",
    "Too many questions are the same",
    "A question that is asked again teaches nothing new, so it does not count.",
    "Replace the repeated questions with other ones.",
)
REPEATED = Cause(
    "counts/repeated-question",
    "A question is asked twice",
    "A question that is asked again teaches nothing new.",
    "Replace the repeated question, or take it out.",
)


@rule(
    "counts",
    title="There are enough seed examples, and they differ",
    why="The teacher model writes thousands of samples after your examples; variety has to start with them.",
    causes=(FEW_EXAMPLES, FEW_QUESTIONS, FEW_DIFFERENT, REPEATED),
    order=30,
)
def find(contribution: Contribution, policy: Policy) -> Iterator[Finding]:
    """Report too few seed examples, too few questions per context, and repeated questions."""
    for leaf in mapping_leaves(contribution, policy):
        if is_outdated_knowledge(leaf, policy):
            continue
        if leaf.is_knowledge:
            yield from _knowledge(leaf, policy)
        else:
            yield from _skill(leaf, policy)


def _skill(leaf: Leaf, policy: Policy) -> Iterator[Finding]:
    needed = policy.limits.skill_seed_examples
    listed = _listed_seeds(leaf)
    if listed is None:
        return
    if len(listed.items) < needed:
        yield _few(leaf, listed, needed, "a skill", "seed example")
    asked = [(pair, _asked(pair, seed)) for seed in leaf.seed_examples for pair in seed.pairs]
    yield from _repeats(leaf, asked, len(listed.items), needed, "this skill")


def _knowledge(leaf: Leaf, policy: Policy) -> Iterator[Finding]:
    listed = _listed_seeds(leaf)
    if listed is None:
        return
    if len(listed.items) < policy.limits.knowledge_contexts:
        yield _few(
            leaf, listed, policy.limits.knowledge_contexts, "a knowledge file", "seed example with a context"
        )
    needed = policy.limits.questions_per_context
    for seed in leaf.seed_examples:
        questions = seed.node.get("questions_and_answers") if isinstance(seed.node, MapNode) else None
        if not isinstance(questions, ListNode):
            continue
        if len(questions.items) < needed:
            yield _few_questions(leaf, seed, questions, needed)
        asked = [(pair, _asked(pair, seed)) for pair in seed.pairs]
        yield from _repeats(leaf, asked, len(questions.items), needed, "this context")


def _listed_seeds(leaf: Leaf) -> ListNode | None:
    listed = leaf.mapping.get("seed_examples") if leaf.mapping else None
    return listed if isinstance(listed, ListNode) else None


def _few(leaf: Leaf, listed: ListNode, needed: int, what: str, unit: str) -> Finding:
    key = leaf.mapping.key("seed_examples") if leaf.mapping else None
    have = len(listed.items)
    message = (
        f"There {_is(have)} {have} of {_counted(needed, unit)}: add {needed - have} more. "
        f"{what[0].upper()}{what[1:]} needs at least {needed}."
    )
    return _finding(FEW_EXAMPLES, leaf, key.mark if key else listed.mark, message)


def _few_questions(leaf: Leaf, seed: SeedExample, questions: ListNode, needed: int) -> Finding:
    have = len(questions.items)
    message = (
        f"This context has {have} of {_counted(needed, 'question')}: add {needed - have} more. "
        f"Each context needs at least {needed}."
    )
    key = seed.node.key("questions_and_answers") if isinstance(seed.node, MapNode) else None
    return _finding(FEW_QUESTIONS, leaf, key.mark if key else questions.mark, message)


def _repeats(
    leaf: Leaf, asked: Iterable[tuple[QuestionAnswer, tuple[str, str] | None]], listed: int, needed: int, where: str
) -> Iterator[Finding]:
    """Repeated questions are a warning while enough different ones remain, else one error at the first."""
    first_lines: dict[tuple[str, str], int] = {}
    answers: set[tuple[str, str, str]] = set()
    identical: set[int] = set()
    repeated: list[tuple[QuestionAnswer, int]] = []
    for pair, question in asked:
        if question is None:
            continue
        whole = (*question, pair.answer.text if pair.answer else "")
        if whole in answers:
            identical.add(pair.line)
        answers.add(whole)
        if question in first_lines:
            repeated.append((pair, first_lines[question]))
        else:
            first_lines[question] = pair.line
    if not repeated:
        return
    different = listed - len(repeated)
    if listed >= needed > different:
        pair, first = repeated[0]
        message = (
            f"Only {different} of {_counted(needed, 'question')} needed in {where} {_is(different)} different. "
            f"This one stands on line {first} already."
        )
        yield _finding(FEW_DIFFERENT, leaf, _place(pair), message)
        return
    for pair, first in repeated:
        if pair.line in identical:
            continue  # the schema's finding
        message = f"This question is asked on line {first} already."
        yield _finding(REPEATED, leaf, _place(pair), message, Severity.WARNING)


def _asked(pair: QuestionAnswer, seed: SeedExample) -> tuple[str, str] | None:
    """Two questions are the same when they read the same about the same context."""
    question = _folded(pair.question)
    return (question, _folded(seed.context)) if question else None


def _folded(scalar: Scalar | None) -> str:
    return " ".join(scalar.text.casefold().split()) if scalar else ""


def _place(pair: QuestionAnswer) -> Mark:
    return pair.question.mark if pair.question else pair.node.mark


def _finding(cause: Cause, leaf: Leaf, mark: Mark, message: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(cause, severity, message, leaf.path, mark.line, mark.column)


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _counted(count: int, unit: str) -> str:
    if count == 1:
        return f"1 {unit}"
    head, space, tail = unit.partition(" with ")
    plural = f"{head}s{space}{tail}".replace("with a context", "with contexts")
    return f"{count or 'no'} {plural}"
