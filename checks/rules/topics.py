"""Rule: topics that a community would rather not teach are shown to triagers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import islice

from checks.contribution import Contribution
from checks.findings import Cause, Finding, Severity
from checks.policy import Policy
from checks.readable import mapping_leaves
from checks.registry import rule
from checks.topics import TopicGuess, guess_topics

AVOIDED = Cause(
    "topics/avoided",
    "This may be a topic that is not taken",
    "Some topics do harm, or are learned badly from a few examples. Only a person can say whether this is one.",
    "Read it and decide. The finding names the command that refuses the topic in ready words.",
    kept_back=True,
)


@rule(
    "topics",
    title="Topics that are not taken are seen by a triager",
    why=AVOIDED.why,
    causes=(AVOIDED,),
    order=95,
    since=date(2026, 11, 21),
)
def find(contribution: Contribution, policy: Policy) -> Iterator[Finding]:
    """Tell triagers the surest topic of each leaf, and the command for it; never a refusal by itself."""
    for leaf in mapping_leaves(contribution, policy):
        guesses = (g for g in guess_topics(leaf, policy.topics.phrases) if g.topic not in policy.topics.accepted)
        for guess in islice(guesses, 1):
            remedy = f"If you agree: `/topic {guess.topic}`, with a sentence of your own after it if you like."
            line = guess.lines[0] if guess.lines else 1
            yield Finding(AVOIDED, Severity.NOTICE, _message(guess), leaf.path, line, 1, remedy)


def _message(guess: TopicGuess) -> str:
    if not guess.lines:
        return f"This looks like {guess.name}: its folders and its task say so."
    return f"This looks like {guess.name}: {len(guess.lines)} of {guess.pairs} questions and answers say so."
