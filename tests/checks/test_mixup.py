"""The mixup rule: facts in the skills tree, tasks in the knowledge tree, with a place to move to."""

from __future__ import annotations

from typing import Any

import pytest

from checks.findings import Severity
from tests.checks.contributions import a_knowledge, a_skill, causes, findings_of, knowledge_of, skill_of

PATH = "compositional_skills/writing/freeform/geography/iceland/qna.yaml"
FACTS = [
    ("What is the capital of Iceland?", "Reykjavik."),
    ("How many people live in Iceland?", "About 390,000."),
    ("Which volcano of Iceland erupted in 2010?", "Eyjafjallajoekull."),
]
TASKS = [
    ("Rewrite the sentence politely.", "Would you mind?"),
    ("Translate the sentence into French.", "Bonjour."),
    ("Could you shorten the sentence?", "Hello."),
]


def a_leaf(pairs: list[tuple[str, str]], **keys: Any) -> str:
    return a_skill(seed_examples=[{"question": q, "answer": a} for q, a in pairs], **keys)


def test_facts_in_the_skills_tree_get_a_place_in_the_other() -> None:
    [finding] = findings_of("mixup", skill_of(a_leaf(FACTS), PATH))
    assert finding.cause.id == "mixup/knowledge-in-skills"
    assert finding.severity is Severity.WARNING
    assert finding.message == "3 of 3 questions ask for facts, and no document says them."
    assert "`knowledge/geography/iceland/qna.yaml`" in finding.remedy


def test_tasks_in_the_knowledge_tree_get_a_place_in_the_other() -> None:
    context = {
        "context": "A text.",
        "questions_and_answers": [{"question": q, "answer": a} for q, a in TASKS],
    }
    [finding] = findings_of("mixup", knowledge_of(a_knowledge(contexts=[context])))
    assert finding.cause.id == "mixup/skill-in-knowledge"
    assert "`compositional_skills/grounded/science/animals/birds/kingfisher/qna.yaml`" in finding.remedy


def test_one_instruction_among_the_facts_makes_it_a_skill() -> None:
    assert causes(findings_of("mixup", skill_of(a_leaf([*FACTS, TASKS[1]]), PATH))) == []


def test_facts_that_a_context_holds_are_a_skill_of_reading() -> None:
    seeds = [{"context": "Reykjavik is the capital.", "question": q, "answer": a} for q, a in FACTS]
    assert causes(findings_of("mixup", skill_of(a_skill(seed_examples=seeds)))) == []


SKILLS = {
    "riddles": [("What has keys but opens no lock?", "A piano."), ("What dries and gets wet?", "A towel.")],
    "words": [("What is the plural of mouse?", "Mice."), ("What is a synonym of Big?", "Large.")],
    "sums": [("If Ann has 3 nuts and eats 1, how many are left?", "2."), ("I am 7. How old will I be?", "8.")],
    "how to": [("How do I tie a bowline?", "Make a loop."), ("How do I mend a tube?", "With 1 patch.")],
    "a person's own": [("What is my sign if I was born in May?", "Taurus."), ("Is my plan for Oslo good?", "Yes.")],
}


@pytest.mark.parametrize("pairs", SKILLS.values(), ids=SKILLS)
def test_skills_that_ask_questions_stay_where_they_are(pairs: list[tuple[str, str]]) -> None:
    assert causes(findings_of("mixup", skill_of(a_leaf(pairs)))) == []


def test_the_examples_of_these_tests_are_in_the_right_tree() -> None:
    assert findings_of("mixup", skill_of(a_skill())) == []
    assert findings_of("mixup", knowledge_of(a_knowledge())) == []
