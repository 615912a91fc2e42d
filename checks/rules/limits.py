"""Rule: texts stay within what the teacher model can read at once."""

from __future__ import annotations

from collections.abc import Iterator

from checks.contribution import Contribution, Leaf, QuestionAnswer, SeedExample
from checks.findings import Cause, Finding, Severity
from checks.policy import Limits, Policy
from checks.readable import mapping_leaves
from checks.registry import rule
from checks.tokens import count_tokens, is_surely_within, most_tokens
from checks.yaml_tree import Mark

TOO_MANY_WORDS = Cause(
    "limits/too-many-words",
    "The questions and answers are long in total",
    "All seed examples of a file are given to the teacher model together, and it can only take in so much.",
    "Shorten the answers, or keep the best seed examples and leave the others out.",
)
LONG_CONTEXT = Cause(
    "limits/long-context",
    "A context is too long",
    "The teacher model reads a context in one piece. What is over the limit would be cut off.",
    "Keep the passage that your questions are about, or spread it over two seed examples.",
)
LONG_PAIR = Cause(
    "limits/long-pair",
    "A question with its answer is long",
    "Short questions and answers leave the teacher model room to write new ones after them.",
    "Shorten the answer to what the question asks for.",
)
LONG_TOGETHER = Cause(
    "limits/long-together",
    "A context and its questions are long together",
    "The teacher model reads a context with all its questions and answers at once.",
    "Shorten the context or the answers below it.",
)
_MOST_COUNTED = 20  # characters per token of the limit; what is longer is over it anyway


@rule(
    "limits",
    title="Texts are short enough for the teacher model",
    why="A model reads text in tokens, pieces of about four letters, and only so many of them at a time.",
    causes=(LONG_CONTEXT, TOO_MANY_WORDS, LONG_TOGETHER, LONG_PAIR),
    order=50,
)
def find(contribution: Contribution, policy: Policy) -> Iterator[Finding]:
    """Report too many words in a file, too many tokens in a context, a pair, or a context with its pairs."""
    for leaf in mapping_leaves(contribution, policy):
        yield from _words(leaf, policy.limits)
        for seed in leaf.seed_examples:
            yield from _tokens(leaf, seed, policy.limits)


def _words(leaf: Leaf, limits: Limits) -> Iterator[Finding]:
    words = sum(len(_text_of(pair).split()) for pair in leaf.pairs)
    if words <= limits.words_per_file:
        return
    far_over = words >= limits.words_per_file * limits.words_error_factor
    message = (
        f"All questions and answers together have {words:,} words; about {limits.words_per_file:,} is the most "
        "that works well."
    )
    key = leaf.mapping.key("seed_examples") if leaf.mapping else None
    severity = Severity.ERROR if far_over else Severity.WARNING
    yield _finding(TOO_MANY_WORDS, severity, leaf, key.mark if key else Mark(1, 1), message)


def _tokens(leaf: Leaf, seed: SeedExample, limits: Limits) -> Iterator[Finding]:
    context = seed.context.text.strip() if seed.context else ""
    context_tokens = _tokens_over(context, limits.context_tokens) if leaf.is_knowledge else None
    if context_tokens and seed.context:
        message = f"This context has {context_tokens} tokens; {limits.context_tokens} is the most."
        yield _finding(LONG_CONTEXT, Severity.ERROR, leaf, seed.context.mark, message)
    long_pairs = False
    for pair in seed.pairs:
        tokens = _tokens_over(_text_of(pair), limits.pair_tokens)
        if tokens:
            long_pairs = True
            message = (
                f"This question and its answer have {tokens} tokens; {limits.pair_tokens} is the most advised."
            )
            yield _finding(LONG_PAIR, Severity.WARNING, leaf, _place(pair), message)
    if context and not context_tokens and not long_pairs:
        yield from _together(leaf, seed, context, limits)


def _together(leaf: Leaf, seed: SeedExample, context: str, limits: Limits) -> Iterator[Finding]:
    together = "\n".join((context, *(_text_of(pair) for pair in seed.pairs)))
    tokens = _tokens_over(together, limits.context_and_pairs_tokens)
    if tokens and seed.context:
        message = (
            f"This context and its questions and answers have {tokens} tokens together; "
            f"{limits.context_and_pairs_tokens} is the most advised."
        )
        yield _finding(LONG_TOGETHER, Severity.WARNING, leaf, seed.context.mark, message)


def _tokens_over(text: str, limit: int) -> str | None:
    """Return the number of tokens in words when it is over the limit, else None; bounded in work."""
    if most_tokens(text) <= limit:
        return None
    counted = text[: limit * _MOST_COUNTED]
    if len(counted) == len(text) and is_surely_within(text, limit):
        return None
    tokens = count_tokens(counted)
    if tokens <= limit:
        return None
    return f"{tokens:,}" if len(counted) == len(text) else f"more than {tokens:,}"


def _text_of(pair: QuestionAnswer) -> str:
    return "\n".join(scalar.text.strip() for scalar in (pair.question, pair.answer) if scalar)


def _place(pair: QuestionAnswer) -> Mark:
    return pair.question.mark if pair.question else pair.node.mark


def _finding(cause: Cause, severity: Severity, leaf: Leaf, mark: Mark, message: str) -> Finding:
    return Finding(cause, severity, message, leaf.path, mark.line, mark.column)
