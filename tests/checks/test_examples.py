"""The examples rule: very short pairs, pairs that are all alike, turns of a chat."""

from __future__ import annotations

import pytest

from checks.findings import Severity
from tests.checks.contributions import a_knowledge as good_knowledge
from tests.checks.contributions import a_skill, causes, findings_of, knowledge_of, skill_of


def found(*pairs: tuple[str, str]) -> list[str]:
    seeds = [{"question": question, "answer": answer} for question, answer in pairs]
    return causes(findings_of("examples", skill_of(a_skill(seed_examples=seeds))))


def test_good_examples_are_left_alone() -> None:
    assert findings_of("examples", skill_of(a_skill())) == []
    assert findings_of("examples", knowledge_of(good_knowledge())) == []


CHATS = {
    "speakers are named": [
        ("User: hello there, who are you?", "Assistant: a wren."),
        ("Human: and now?", "AI: an owl."),
    ],
    "a machine's marks": [
        ("<|user|> What is it?", "A wren in the reeds."),
        ("[INST] And now? [/INST]", "It has flown."),
    ],
    "polite openings": [
        ("Which bird is it?", "Sure! Here is the bird."),
        ("And that?", "Certainly, I would say an owl."),
    ],
}


@pytest.mark.parametrize("pairs", CHATS.values(), ids=CHATS)
def test_turns_of_a_chat_are_a_warning(pairs: list[tuple[str, str]]) -> None:
    assert found(*pairs) == ["examples/chat-turns"]


def test_a_dialogue_inside_a_question_is_no_turn() -> None:
    dialogue = "Summarise this talk.\nUser: Is it a wren?\nAssistant: It is an owl."
    assert found((dialogue, "They talk about a bird."), (f"Shorter, please. {dialogue}", "About birds.")) == []


def test_one_sentence_with_a_word_exchanged_is_a_warning() -> None:
    days = [
        (f"Which sign belongs to the {day}th of May?", f"The sign is {sign}.")
        for day, sign in enumerate("abcde", 4)
    ]
    assert found(*days) == ["examples/same-frame"]


def test_the_same_request_with_different_answers_is_fine() -> None:
    words = [("Shorten this sentence of mine: one", "All of it at once is told here")]
    words += [
        ("Shorten this sentence of mine: two", "Nothing more can be said"),
        ("Shorten this sentence of mine: six", "x y z a"),
    ]
    words += [
        ("Shorten this sentence of mine: ten", "Few words are enough"),
        ("Shorten this sentence of mine: old", "Old and new"),
    ]
    assert found(*words) == []


def test_single_words_are_a_note() -> None:
    [finding] = findings_of(
        "examples",
        skill_of(a_skill(seed_examples=[{"question": f"wren {n}", "answer": "bird"} for n in range(5)])),
    )
    assert finding.cause.id == "examples/very-short"
    assert finding.severity is Severity.NOTICE


def test_short_answers_to_whole_questions_are_fine() -> None:
    assert found(("Is the tone of this review friendly?", "Yes"), ("Is the tone of that review angry?", "No")) == []


UNSPACED = {
    "Chinese": ("中国的首都是哪座城市？", "中国的首都是北京，位于华北平原。"),
    "Thai": ("เมืองหลวงของไทยคืออะไร", "กรุงเทพมหานครเป็นเมืองหลวง"),
}


@pytest.mark.parametrize("pair", UNSPACED.values(), ids=UNSPACED)
def test_a_script_without_blanks_has_words_too(pair: tuple[str, str]) -> None:
    assert found(pair, pair) == []
    assert found(("鸟？", "是"), ("鸟？", "是")) == ["examples/very-short"]
