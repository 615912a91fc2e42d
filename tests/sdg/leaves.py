"""Leaves to generate from: a freeform skill, a grounded one, and knowledge with passages of its document."""

from __future__ import annotations

import yaml

from checks.contribution import ChangedFile, read_leaf
from pipeline.sdg.starts import Lesson, Passage, lesson_of

WORDS = {
    "window": "Old Norse vindauga, a wind eye",
    "salary": "Latin salarium, money to buy salt",
    "robot": "Czech robota, forced labour",
    "muscle": "Latin musculus, a little mouse",
    "tulip": "Turkish tulbend, a turban",
}
MARS = (
    "Mars is the fourth planet from the Sun. It was named after the Roman god of war. The planet has a thin "
    "atmosphere of carbon dioxide. Olympus Mons on Mars is the largest volcano of the Solar System, 21.9 km high.",
    "Phobos and Deimos are the two moons of Mars. Asaph Hall discovered both moons in August 1877 in Washington. "
    "Phobos orbits Mars at a distance of 9,377 kilometres. Deimos needs 30.3 hours for one orbit around Mars. "
    "Phobos will break up in about 50 million years.",
)


def leaf_text(version: int, examples: list[dict[str, object]], **head: object) -> str:
    """Return a qna.yaml."""
    return yaml.safe_dump(
        {"version": version, "created_by": "ana", **head, "seed_examples": examples}, sort_keys=False
    )


FREEFORM = leaf_text(
    2,
    [
        {
            "question": f'Where does the word "{word}" come from?',
            "answer": f'The word "{word}" comes from {origin}.',
        }
        for word, origin in WORDS.items()
    ],
    task_description="Explain where everyday words come from.",
)
GROUNDED = leaf_text(
    2,
    [
        {
            "context": f"| town | people |\n|---|---|\n| {town} | {people} |\n| Oldford | 900 |",
            "question": f"How many people live in {town}?",
            "answer": f"{people} people live in {town}.",
        }
        for town, people in (("Newton", 4100), ("Ashby", 730), ("Kirk", 12000), ("Wells", 8), ("Thorpe", 66))
    ],
    task_description="Read a value from a table.",
)
KNOWLEDGE = leaf_text(
    3,
    [
        {
            "context": f"Mars has two moons, Phobos and Deimos. Phobos orbits Mars in seven hours. Note {i}.",
            "questions_and_answers": [
                {"question": f"How many moons has Mars by note {i}?", "answer": "Mars has two moons."},
                {"question": f"How long is an orbit of Phobos by note {i}?", "answer": "Seven hours."},
                {"question": f"What are the moons called in note {i}?", "answer": "Phobos and Deimos."},
            ],
        }
        for i in range(5)
    ],
    domain="astronomy",
    document_outline="Mars and its moons",
)


def lesson(path: str, text: str, passages: tuple[str, ...] = ()) -> Lesson:
    """Return what a leaf with this text teaches."""
    content = text.encode()
    leaf = read_leaf(ChangedFile(path, content=content, size=len(content)))
    return lesson_of(leaf, [Passage(passage, "Mars") for passage in passages])


def a_freeform_skill(path: str = "compositional_skills/linguistics/words/qna.yaml") -> Lesson:
    """Return a skill without contexts."""
    return lesson(path, FREEFORM)


def a_grounded_skill() -> Lesson:
    """Return a skill whose examples have contexts."""
    return lesson("compositional_skills/extraction/tables/qna.yaml", GROUNDED)


def some_knowledge() -> Lesson:
    """Return knowledge with two passages."""
    return lesson("knowledge/science/mars/qna.yaml", KNOWLEDGE, MARS)
