"""The topics rule: several signals have to agree, and only triagers are told."""

from __future__ import annotations

import time
from typing import Any

import pytest

from checks.findings import Severity
from checks.policy import PolicyError, read_policy
from checks.run import judge
from tests.checks.contributions import KNOWLEDGE_PATH, a_knowledge, a_skill, findings_of, knowledge_of, skill_of


def seeds(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"question": question, "answer": answer} for question, answer in pairs]


JOKES = seeds(*[(f"Tell me a joke about {bird}.", "It flew away.") for bird in ("owls", "teals", "cranes")])
SUMS = seeds(("What is 3 + 4?", "3 + 4 = 7"), ("What is 9 - 5?", "9 - 5 = 4"))


def topics_of(seed_examples: list[dict[str, str]], **keys: Any) -> list[str]:
    found = findings_of("topics", skill_of(a_skill(seed_examples=seed_examples, **keys)))
    return [f.remedy.partition("`/topic ")[2].partition("`")[0] for f in found]


def test_a_good_skill_is_about_nothing_that_is_avoided() -> None:
    assert topics_of(5) == []  # type: ignore[arg-type]


def test_a_leaf_of_jokes_is_told_once_with_the_command_for_it() -> None:
    [finding] = findings_of("topics", skill_of(a_skill(seed_examples=JOKES)))
    assert finding.severity is Severity.NOTICE
    assert finding.cause.kept_back
    assert finding.message == "This looks like jokes and poems: 3 of 3 questions and answers say so."
    assert "`/topic humour`" in finding.remedy


def test_sums_are_known_by_their_shape() -> None:
    assert topics_of(SUMS, task_description="Practise arithmetic.") == ["maths"]


def test_one_question_among_others_is_no_topic() -> None:
    mixed = seeds(("Shorten: we saw a wren.", "A wren."), ("Shorten: it rains.", "Rain."), ("Shorten: go.", "Go."))
    assert topics_of([*mixed, *JOKES[:1]]) == []


def test_folders_and_task_together_are_enough() -> None:
    path = "compositional_skills/writing/freeform/jokes/kids/qna.yaml"
    text = a_skill(
        seed_examples=seeds(("How do oceans greet?", "They wave."), ("Who is it?", "Me.")),
        task_description="Some jokes for kids.",
    )
    [finding] = findings_of("topics", skill_of(text, path))
    assert finding.message == "This looks like jokes and poems: its folders and its task say so."


FACTS = {
    "a war": [("When did the War of 1812 end?", "In 1814."), ("How many soldiers were killed?", "About 300.")],
    "a poem's date": [
        ("In which year was the poem published?", "A poem by Goethe was published in 1782."),
        ("Who wrote the poem?", "Goethe."),
    ],
    "snakes": [("Where do pythons live?", "In Asia."), ("What is the genus Python?", "A genus of snakes.")],
    "a language's history": [("Who designed Java?", "James Gosling."), ("When was Java released?", "In 1996.")],
    "medicine's history": [
        ("Who discovered insulin?", "Banting and Best."),
        ("How was diabetes treated before insulin?", "With diets."),
    ],
}


@pytest.mark.parametrize("pairs", FACTS.values(), ids=FACTS)
def test_plain_facts_are_no_topic(pairs: list[tuple[str, str]]) -> None:
    context = {"context": "From the document.", "questions_and_answers": seeds(*pairs)}
    assert findings_of("topics", knowledge_of(a_knowledge(contexts=[context]), KNOWLEDGE_PATH)) == []
    assert topics_of(seeds(*pairs)) == []


def test_what_is_quoted_is_spoken_of_and_not_asked() -> None:
    quoted = seeds(
        ('Translate into French: "Tell me a joke about ducks."', "Raconte-moi une blague."),
        ('Translate into French: "Write a poem about rain."', "Ecris un poeme."),
    )
    assert topics_of(quoted) == []


@pytest.mark.parametrize("switch", ["warning", "error"])
@pytest.mark.parametrize("name", ["topics", "topics/avoided", "machine-written"])
def test_no_policy_makes_more_of_a_guess(name: str, switch: str) -> None:
    with pytest.raises(PolicyError, match="a guess that only triagers read"):
        read_policy(f"rules:\n  {name}: {switch}\n")


def test_a_guess_is_no_part_of_what_authors_are_told() -> None:
    verdict = judge(skill_of(a_skill(seed_examples=JOKES)), read_policy('rules: {topics: "notice"}\n'))
    assert [f.cause.id for f in verdict.kept_back] == ["topics/avoided"]
    assert not any(f.cause.kept_back for f in verdict.told.findings)
    assert verdict.told.overall is verdict.overall


HOSTILE = {
    "the same beginning again and again": "write write write write me me a a short " * 4_000,
    "quotation marks": '"' * 100_000,
    "numbers": "1 + " * 40_000,
    "brackets": "(" * 100_000,
    "lines": "a b\n" * 40_000,
    "no blanks": "x" * 200_000,
}


@pytest.mark.parametrize("rule", ["topics", "machine-written", "mixup", "examples"])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_take_no_time(rule: str, text: str) -> None:
    contribution = skill_of(a_skill(seed_examples=seeds((text, text), (text, "b"), ("a", text))))
    started = time.perf_counter()
    findings_of(rule, contribution)
    assert time.perf_counter() - started < 1.5


def test_a_community_may_take_a_topic_and_name_phrases_of_its_own() -> None:
    jokes, tarot = (
        skill_of(a_skill(seed_examples=JOKES)),
        seeds(("Lay the cards for me.", "The sun."), ("Lay the cards.", "A star.")),
    )
    taken = read_policy("topics: {accepted: [humour]}\n")
    added = read_policy('topics:\n  phrases:\n    advice: ["lay (the|my) cards"]\n')
    assert findings_of("topics", jokes, taken) == []
    assert topics_of(tarot) == []
    [finding] = findings_of("topics", skill_of(a_skill(seed_examples=tarot)), added)
    assert "`/topic advice`" in finding.remedy


MISTAKES = {
    "an unknown topic": ("topics: {accepted: [weather]}\n", 'there is no topic "weather"'),
    "phrases of an unknown topic": ("topics:\n  phrases:\n    weather: [rain]\n", 'there is no topic "weather"'),
    "a phrase that begins with anything": (
        'topics:\n  phrases:\n    maths: ["... cards"]\n',
        "has to begin with a word",
    ),
}


@pytest.mark.parametrize(("text", "said"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_in_a_policys_topics_are_named(text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        read_policy(text)
