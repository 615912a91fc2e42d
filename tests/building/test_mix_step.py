"""The mix of a build: what each phase learns, what is measured with, and what has to stay out."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.build_orders import MIX, Phase, file_of
from pipeline.build_results import MixResult
from pipeline.contract import Artifact, Ending, TaskKind
from pipeline.generation import Subject
from pipeline.tasks import ContributionError, InputError
from tests.building.builds import Steps
from tests.sdg.leaves import a_freeform_skill, some_knowledge

OWLS, MARS, HAIKU = (
    "knowledge/birds/owls/qna.yaml",
    "knowledge/mars/qna.yaml",
    "compositional_skills/haiku/qna.yaml",
)


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    "A worker of the queue cpu: it has no student."
    return Steps(tmp_path, None)


def a_sample(leaf: str, question: str, split: str = "train", **said: Any) -> dict[str, Any]:
    "A sample of a leaf."
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": f"Answer to {question}"}]
    return {"id": f"{leaf}:{question}", "messages": messages, "metadata": {"leaf": leaf, "split": split, **said}}


def a_question(leaf: str, text: str, split: str = "test", **said: Any) -> dict[str, Any]:
    "A multiple choice question of a leaf."
    metadata = {"leaf": leaf, "split": split}
    return {
        "id": f"{leaf}:{text}",
        "question": text,
        "choices": ["a", "b", "c"],
        "answer": 1,
        "metadata": metadata,
    } | said


def samples(steps: Steps, leaf: str, count: int, word: str = "feathers") -> Artifact:
    "A file of samples to train on, and one to test with."
    rows = [a_sample(leaf, f"Which {word} of number {i} are longest here?") for i in range(count)]
    return steps.put(
        "leaf.samples.jsonl", [*rows, a_sample(leaf, f"Which {word} are held back of all those?", "test")]
    )


def leaves_in(steps: Steps, phase: Phase) -> Counter[str]:
    "How many samples of each leaf a phase trains on."
    lines = steps.lines(file_of(MIX, f"{phase}.train.jsonl"))
    return Counter(json.loads(line)["metadata"]["leaf"] for line in lines)


def rows(steps: Steps, name: str) -> list[dict[str, Any]]:
    "The rows of a file that the mix has stored."
    return [json.loads(line) for line in steps.lines(file_of(MIX, name))]


def test_what_was_generated_becomes_a_file_for_each_phase(steps: Steps) -> None:
    "Knowledge is learnt first, and again among the skills; every question names its leaf, for the gate."
    steps.generates(Subject(some_knowledge()), Subject(a_freeform_skill()))
    mixed = steps.mixes()
    assert list(mixed.phases) == [Phase.KNOWLEDGE, Phase.SKILLS]
    assert set(leaves_in(steps, Phase.KNOWLEDGE)) == {some_knowledge().path}
    assert set(leaves_in(steps, Phase.SKILLS)) == {some_knowledge().path, a_freeform_skill().path}
    assert mixed.phases[Phase.KNOWLEDGE].samples == leaves_in(steps, Phase.KNOWLEDGE).total()
    asked = rows(steps, "questions.jsonl")
    assert len(asked) == mixed.questions > 0
    assert {row["metadata"]["leaf"] for row in asked} == {some_knowledge().path}
    judged = rows(steps, "held_out.jsonl")
    assert {row["metadata"]["leaf"] for row in judged} == {a_freeform_skill().path}
    assert {row["metadata"]["split"] for row in judged} == {"test"}


def test_the_same_leaves_in_another_order_give_the_same_bytes(steps: Steps, tmp_path: Path) -> None:
    "The order of the bot's list decides nothing; another seed does."
    again = Steps(tmp_path / "again", None)
    again.folder.mkdir()
    for each in (steps, again):
        for leaf in (OWLS, MARS, HAIKU) if each is steps else (HAIKU, MARS, OWLS):
            each.takes(leaf, samples(each, leaf, 9, leaf.split("/")[1]), fresh=leaf != OWLS)
        each.replay_share = 0.5
        each.mixes()
    assert again.files == {
        **again.files,
        **{role: file for role, file in steps.files.items() if role.startswith(MIX)},
    }
    again.seed = 43
    again.mixes()
    assert again.files[f"{MIX}:skills.train.jsonl"] != steps.files[f"{MIX}:skills.train.jsonl"]


def test_unchanged_leaves_come_by_their_share_and_fresh_ones_whole(steps: Steps) -> None:
    "With a share of nothing they are not learnt at all, and somebody is told; they are measured all the same."
    steps.takes(OWLS, samples(steps, OWLS, 40), fresh=False)
    steps.takes(MARS, samples(steps, MARS, 40, "moons"), steps.put("l.questions.jsonl", [a_question(MARS, "Why?")]))
    steps.replay_share = 0.25
    steps.mixes()
    assert leaves_in(steps, Phase.KNOWLEDGE) == {OWLS: 10, MARS: 40}
    steps.replay_share = 0.0
    mixed = steps.mixes()
    assert leaves_in(steps, Phase.KNOWLEDGE) == {MARS: 40}
    assert mixed.remarks == ("The build learns nothing of 1 unchanged leaves: NIGHTLY_REPLAY_SHARE is 0.",)
    assert [row["metadata"]["leaf"] for row in rows(steps, "held_out.jsonl")] == [OWLS]


def test_knowledge_is_three_percent_of_the_skills_at_least(steps: Steps) -> None:
    "What is little is taken more often, so that new skills do not wash it out."
    steps.takes(OWLS, samples(steps, OWLS, 2))
    steps.takes(HAIKU, samples(steps, HAIKU, 400, "syllables"))
    steps.mixes()
    assert leaves_in(steps, Phase.SKILLS) == {OWLS: 12, HAIKU: 400}
    assert leaves_in(steps, Phase.KNOWLEDGE) == {OWLS: 2}


def test_nothing_is_trained_on_that_any_leaf_is_measured_with(steps: Steps) -> None:
    "Also across leaves and phases: a question of a skill's test is not learnt as knowledge."
    held = "Which syllables are held back of all those?"
    steps.takes(HAIKU, samples(steps, HAIKU, 3, "syllables"))
    steps.takes(
        OWLS, steps.put("l.samples.jsonl", [a_sample(OWLS, held), a_sample(OWLS, "Do owls ever sleep at all?")])
    )
    asked = a_question(MARS, "Which feathers of number 1 are longest here?")
    steps.takes(MARS, samples(steps, MARS, 3), steps.put("l.questions.jsonl", [asked]))
    steps.mixes()
    assert leaves_in(steps, Phase.KNOWLEDGE) == {OWLS: 1, MARS: 2}
    for phase in Phase:
        lines = steps.lines(file_of(MIX, f"{phase}.train.jsonl"))
        questions = {json.loads(line)["messages"][0]["content"] for line in lines}
        assert not questions & {held, asked["question"]}


def test_a_leaf_that_gives_nothing_is_named_with_the_reason_and_the_others_go_on(steps: Steps) -> None:
    "Its data did not come, all of it is held back, there is nothing in it, or a line of it is damaged."
    steps.takes(OWLS, samples(steps, OWLS, 5))
    steps.takes("knowledge/lost/qna.yaml")
    steps.takes("knowledge/empty/qna.yaml", steps.put("l.samples.jsonl", b""))
    held = a_sample("x", "Which feathers are held back of all those?")
    steps.takes("knowledge/held/qna.yaml", steps.put("l.samples.jsonl", [held]))
    damaged = b'{"messages": []}\n'
    steps.takes("compositional_skills/damaged/qna.yaml", steps.put("l.samples.jsonl", damaged))
    bad = steps.put("l.questions.jsonl", [a_question(MARS, "Why?", choices=["one"])])
    steps.takes(MARS, samples(steps, MARS, 5, "moons"), bad)
    mixed = steps.mixes()
    assert {leaf: why.partition(":")[0] for leaf, why in mixed.empty_leaves.items()} == {
        "compositional_skills/damaged/qna.yaml": "samples.jsonl, line 1",
        "knowledge/empty/qna.yaml": "its data set holds no sample to train on",
        "knowledge/held/qna.yaml": "nothing of it is left to train on (1 of its samples",
        "knowledge/lost/qna.yaml": "its data set did not come with the order",
    }
    assert leaves_in(steps, Phase.KNOWLEDGE) == {OWLS: 5, MARS: 5}
    assert set(mixed.phases) == {Phase.KNOWLEDGE}
    (remark,) = mixed.remarks
    assert remark.startswith(f"{MARS}: its questions are left out. questions.jsonl, row 1")
    assert str(steps.folder) not in str(mixed)


def test_names_of_leaves_are_never_paths_of_ours(steps: Steps) -> None:
    "However a contributor calls a folder, the data stay in the work folder, and each leaf keeps its own."
    names = [
        "knowledge/../../../out/qna.yaml",
        f"knowledge/{'long' * 200}/qna.yaml",
        "knowledge/a:b.samples.jsonl/qna.yaml",
    ]
    names += ["knowledge/a/qna.yaml", "knowledge/\u202eowls\n#!/qna.yaml", "knowledge/~/.ssh/qna.yaml"]
    for number, name in enumerate(names):
        steps.takes(name, samples(steps, name, number + 1, f"word{number}"))
    before = {path for path in steps.folder.parent.rglob("*") if "artifacts" not in path.parts}
    steps.mixes()
    assert leaves_in(steps, Phase.KNOWLEDGE) == {name: number + 1 for number, name in enumerate(names)}
    new = {path for path in steps.folder.parent.rglob("*") if "artifacts" not in path.parts} - before
    assert all("room-0" in path.parts for path in new)


def test_leaves_that_ask_the_same_are_measured_with_it_once(steps: Steps) -> None:
    "Two leaves about one document: a question twice would be refused by whoever measures."
    for leaf, word in ((OWLS, "feathers"), (MARS, "moons")):
        asked = steps.put(
            "l.questions.jsonl", [a_question(leaf, "Why is it so?"), a_question(leaf, f"Why {word}?")]
        )
        steps.takes(leaf, samples(steps, leaf, 3, word), asked)
    mixed = steps.mixes()
    assert mixed.questions == len(rows(steps, "questions.jsonl")) == 3
    assert mixed.remarks == ("1 questions are left out of measuring: another leaf asks the same.",)


def test_where_nothing_is_left_the_build_has_nothing_to_learn(steps: Steps) -> None:
    "It is said of which leaf, and why; trying again would not help, so it is not."
    steps.takes(OWLS)
    with pytest.raises(ContributionError, match=r"Nothing is left to train on\. knowledge/birds/owls"):
        steps.does(TaskKind.MIX, steps.order(MIX))


def test_a_data_set_that_was_cleaned_up_is_ours_to_mend(steps: Steps) -> None:
    "The role of the input tells which leaf's it is."
    steps.takes(OWLS, Artifact("l.samples.jsonl", "0" * 64, 12))
    with pytest.raises(InputError, match=rf"generate/{OWLS}:l\.samples\.jsonl.*is not in the artifact store"):
        steps.does(TaskKind.MIX, steps.order(MIX))


def test_the_result_says_what_the_files_hold(steps: Steps) -> None:
    "Their digests are those of the artifacts."
    steps.takes(HAIKU, samples(steps, HAIKU, 7))
    outcome = steps.does(TaskKind.MIX, steps.order(MIX))
    assert (outcome.ending, outcome.message) == (Ending.SUCCEEDED, "7 samples for the skills phase")
    assert outcome.result is not None
    assert outcome.result.name == "mix.json"
    mixed = MixResult.from_json(steps.store.get(outcome.result))
    data = mixed.phases[Phase.SKILLS]
    assert steps.files[file_of(MIX, data.name)].sha256 == data.sha256
