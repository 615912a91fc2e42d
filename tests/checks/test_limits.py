"""What the teacher model can read at once, counted with its own tokenizer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.findings import Severity
from checks.policy import Limits, Policy
from checks.tokens import count_tokens, is_surely_within, most_tokens
from tests.checks.contributions import a_knowledge, a_skill, causes, findings_of, knowledge_of, skill_of


def words(count):
    return " ".join(["bird"] * count)


def skill_with(**changed):
    seeds = [{"question": f"Question {n}?", "answer": "Yes."} for n in range(5)]
    return skill_of(a_skill(seed_examples=[{**seeds[0], **changed}, *seeds[1:]]))


def knowledge_with(context, answer="It is."):
    pairs = [{"question": f"Is it {n}?", "answer": answer} for n in range(3)]
    return knowledge_of(a_knowledge(contexts=[{"context": context, "questions_and_answers": pairs}]))


def test_the_tokenizer_is_the_teachers():
    "Known counts of the 32,000-piece tokenizer."
    assert count_tokens("Hello world") == 2
    assert count_tokens("") == 0
    assert count_tokens("\U0001f426") == 5


@pytest.mark.parametrize("text", ["", "a", "   ", "\n\n", "鳥", "word " * 50, "\U0001f426\u200d"])
def test_the_bound_is_never_below_the_count(text):
    assert count_tokens(text) <= most_tokens(text)
    assert not is_surely_within(text, count_tokens(text) - 1)


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from("ab c.,'é鳥 T9 \n\t"), max_size=60))
def test_what_the_words_call_short_is_short(text):
    tokens = count_tokens(text)

    assert not any(is_surely_within(text, limit) for limit in range(tokens))
    assert is_surely_within(text, most_tokens(text) + 1)


def test_plain_words_are_seen_to_be_short_without_counting_them_together():
    text = "The heron feeds on fish. " * 20

    assert is_surely_within(text, 2 * count_tokens(text))
    assert len(text) > 2 * count_tokens(text)


WORDS = {
    "at the limit": (2300, None),
    "over it": (2301, Severity.WARNING),
    "near three times the limit": (6899, Severity.WARNING),
    "three times the limit": (6900, Severity.ERROR),
}


@pytest.mark.parametrize("case", WORDS)
def test_words_of_a_file_weigh_more_the_more_they_are(case):
    total, severity = WORDS[case]
    policy = Policy(limits=Limits(pair_tokens=100_000))
    rest = 5 * len(["Question", "1?"]) + 4 * len(["Yes."])
    found = findings_of("limits", skill_with(answer=words(total - rest)), policy)
    assert [f.severity for f in found] == ([severity] if severity else [])


def test_a_file_with_too_many_words_names_both_numbers():
    policy = Policy(limits=Limits(pair_tokens=100_000))
    [finding] = findings_of("limits", skill_with(answer=words(3000)), policy)
    assert (finding.cause.id, finding.line, finding.column) == ("limits/too-many-words", 4, 1)
    assert "3,014 words" in finding.message
    assert "2,300" in finding.message


def test_a_long_knowledge_context_is_an_error_at_its_place():
    found = findings_of("limits", knowledge_with(words(501)))
    assert (found[0].cause.id, found[0].severity) == ("limits/long-context", Severity.ERROR)
    assert (found[0].line, found[0].column) == (5, 14)
    assert "501 tokens; 500 is the most" in found[0].message


def test_a_context_of_exactly_the_limit_passes():
    assert findings_of("limits", knowledge_with(words(500))) == []


def test_a_long_pair_is_a_warning():
    [finding] = findings_of("limits", skill_with(answer=words(250)))
    assert (finding.cause.id, finding.severity, finding.line) == ("limits/long-pair", Severity.WARNING, 5)


def test_a_context_and_its_pairs_are_weighed_together():
    [finding] = findings_of("limits", knowledge_with(words(400), words(150)))
    assert (finding.cause.id, finding.severity) == ("limits/long-together", Severity.WARNING)


def test_a_gigantic_text_is_not_counted_to_its_end():
    [*_, finding] = findings_of("limits", skill_with(answer=words(150_000)))
    assert "more than" in finding.message


def test_skills_may_have_long_contexts():
    assert "limits/long-context" not in causes(findings_of("limits", skill_with(context=words(600))))
