"""Enough seed examples, enough questions, and different ones."""

from __future__ import annotations

import pytest

from checks.findings import Severity
from checks.policy import Limits, Policy
from tests.checks.contributions import a_knowledge, a_skill, causes, findings_of, knowledge_of, skill_of


def seeds(*questions):
    return [{"question": q, "answer": f"Answer {n}."} for n, q in enumerate(questions)]


HAVE = {
    "none": (0, "There are 0 of 5 seed examples: add 5 more. A skill needs at least 5."),
    "one": (1, "There is 1 of 5 seed examples: add 4 more. A skill needs at least 5."),
    "four": (4, "There are 4 of 5 seed examples: add 1 more. A skill needs at least 5."),
}


@pytest.mark.parametrize("case", HAVE)
def test_a_skill_says_how_many_there_are_and_how_many_are_needed(case):
    count, message = HAVE[case]
    [finding] = findings_of("counts", skill_of(a_skill(seed_examples=count)))
    assert (finding.cause.id, finding.severity) == ("counts/too-few-examples", Severity.ERROR)
    assert finding.message == message
    assert (finding.line, finding.column) == (4, 1)


def test_the_same_lack_is_not_told_twice():
    for text in (a_skill(seed_examples=0), a_skill(seed_examples=2)):
        assert findings_of("schema", skill_of(text)) == []


def test_knowledge_needs_five_contexts_of_three_questions():
    found = findings_of("counts", knowledge_of(a_knowledge(contexts=4, questions=1)))
    assert causes(found) == ["counts/too-few-examples"] + ["counts/too-few-questions"] * 4
    assert found[0].message.startswith("There are 4 of 5 seed examples with contexts: add 1 more.")
    assert found[1].message == "This context has 1 of 3 questions: add 2 more. Each context needs at least 3."
    assert (found[1].line, found[1].column) == (8, 5)


@pytest.mark.parametrize("text", [a_skill(seed_examples=5), a_skill(seed_examples=9)])
def test_enough_is_enough(text):
    assert findings_of("counts", skill_of(text)) == []


def test_the_community_sets_the_numbers():
    policy = Policy(limits=Limits(skill_seed_examples=7))
    [finding] = findings_of("counts", skill_of(a_skill(seed_examples=5)), policy)
    assert "at least 7" in finding.message


def test_the_same_question_five_times_is_not_five_examples():
    "Upstream lets it pass as long as the answers differ."
    [finding] = findings_of("counts", skill_of(a_skill(seed_examples=seeds(*["Why?"] * 4, " why? "))))
    assert (finding.cause.id, finding.severity) == ("counts/too-few-different", Severity.ERROR)
    assert "Only 1 of 5 questions needed in this skill is different." in finding.message
    assert finding.line == 7


def test_a_repeated_question_among_enough_others_is_a_warning():
    [finding] = findings_of("counts", skill_of(a_skill(seed_examples=seeds("a", "b", "c", "d", "e", "A"))))
    assert (finding.cause.id, finding.severity) == ("counts/repeated-question", Severity.WARNING)
    assert finding.message == "This question is asked on line 5 already."


def test_the_same_question_about_another_context_is_a_different_one():
    same = [{"context": f"Text {n}.", "question": "What is it about?", "answer": "A text."} for n in range(5)]
    assert findings_of("counts", skill_of(a_skill(seed_examples=same))) == []


def test_questions_repeat_within_one_context_only():
    pair = {"question": "Why?", "answer": "So."}
    context = {"context": "c", "questions_and_answers": [pair, {**pair, "answer": "Thus."}, {"question": "Who?"}]}
    found = findings_of("counts", knowledge_of(a_knowledge(contexts=[{**context, "context": n} for n in "abcde"])))
    assert causes(found) == ["counts/too-few-different"] * 5
