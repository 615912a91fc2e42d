"""Which checkpoint is taken on: scored on questions kept for choosing, or by the loss where there are too few."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from pipeline.build_orders import MIX, Phase, file_of, scoring, selecting, training
from pipeline.build_results import ScoreResult
from pipeline.building.select_step import best_of, why_best
from pipeline.contract import Ending, TaskKind
from pipeline.tasks import InputError
from tests.building.builds import Steps
from tests.building.test_mix_step import HAIKU, OWLS, a_question, a_sample, samples
from tests.training.students import a_student

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def score(epoch: int, value: float, loss: float | None = None, n: int = 12) -> ScoreResult:
    "The score of a checkpoint."
    return ScoreResult(Phase.SKILLS, f"epoch-{epoch:02}", value, n, loss)


@pytest.mark.parametrize(
    ("scores", "best", "why"),
    [
        ([score(1, 0.5), score(2, 0.7), score(3, 0.6)], "epoch-02", "The best of 3 by right answers: 0.7000"),
        ([score(1, 0.7, 2.0), score(2, 0.7, 1.5), score(3, 0.7, 1.8)], "epoch-02", "3 were equal"),
        ([score(1, 0.7, 1.5), score(2, 0.7, 1.5)], "epoch-01", "2 were equal"),
        ([score(1, 0.7), score(2, 0.7, 9.0)], "epoch-02", "2 were equal"),
        ([score(1, 0.0, n=0), score(2, 0.0, n=0)], "epoch-02", "Nothing was there to choose by"),
        ([score(99, 0.1), score(100, 0.1)], "epoch-99", "2 were equal"),
        ([score(4, 0.0)], "epoch-04", "It is the only one."),
    ],
)
def test_the_best_is_the_highest_then_the_likeliest_then_the_earliest(
    scores: list[ScoreResult], best: str, why: str
) -> None:
    found = best_of(scores)
    assert found.checkpoint == best
    assert why in why_best(found, scores)


def _trained(steps: Steps, dev_questions: int) -> Steps:
    "A build whose knowledge has so many questions to choose by, and as many to test with."
    rows = [a_sample(OWLS, f"Which feathers of number {i} are dev?", "dev") for i in range(4)]
    steps.takes(
        OWLS,
        steps.put("l.samples.jsonl", [*(a_sample(OWLS, f"Which beak has number {i}?") for i in range(8)), *rows]),
        steps.put(
            "l.questions.jsonl",
            [
                a_question(OWLS, f"What is {split} {i}?", split)
                for i in range(dev_questions)
                for split in ("dev", "test")
            ],
        ),
    )
    steps.mixes()
    steps.trains(Phase.KNOWLEDGE)
    return steps


def test_a_checkpoint_answers_the_questions_kept_for_choosing_and_no_other(steps: Steps) -> None:
    "Those to measure with are never looked at: a build that is chosen by them would look better than it is."
    _trained(steps, 12)
    found = steps.scores(Phase.KNOWLEDGE, "epoch-02")
    assert found.n == 12
    assert not found.is_by_loss
    assert 0 <= found.score <= 1
    assert found.score * 12 == pytest.approx(round(found.score * 12))
    asked = "".join(path.read_text() for path in steps.folder.rglob("choosing*.jsonl"))
    assert len(set(re.findall(r"What is dev \d+\?", asked))) == 12
    assert "What is test" not in asked
    assert found.dev_loss is not None


def test_with_too_few_questions_the_samples_kept_for_watching_decide(steps: Steps) -> None:
    "As a probability of a token, so that more is better there, too; no model has to be loaded for it."
    _trained(steps, 9)
    found = steps.scores(Phase.KNOWLEDGE, "epoch-02")
    assert (found.is_by_loss, found.n) == (True, 4)
    assert found.dev_loss is not None
    assert found.score == pytest.approx(math.exp(-found.dev_loss))


def test_only_the_best_checkpoints_are_scored_where_an_operator_says_so(steps: Steps) -> None:
    "By dev loss, oldest first; those that are not kept are not stored either."
    steps.settings |= {"build_epochs": 5, "build_keep_checkpoints": 2}
    _trained(steps, 0)
    trained = steps.trains(Phase.KNOWLEDGE)
    names = [checkpoint.name for checkpoint in trained.checkpoints]
    assert len(names) == 2
    assert names == sorted(names)
    stored = {
        role.partition(":")[2].partition(".")[0] for role in steps.files if role.startswith("train/knowledge:epoch")
    }
    assert stored == set(names)


def test_scores_of_what_nobody_trained_are_refused(steps: Steps) -> None:
    "An order that does not fit its files: bot and worker are not of one mind."
    _trained(steps, 0)
    with pytest.raises(InputError, match="has no checkpoint 'epoch-77'"):
        steps.scores(Phase.KNOWLEDGE, "epoch-77")
    with pytest.raises(InputError, match="no score came with this step"):
        steps.selects(Phase.KNOWLEDGE)


def test_every_step_of_a_build_has_the_same_student(steps: Steps, tmp_path: Path) -> None:
    "A worker with another one says which is which, and nothing is built of two halves."
    steps.takes(HAIKU, samples(steps, HAIKU, 6))
    _trained(steps, 0)
    for name in ("epoch-01", "epoch-02"):
        steps.scores(Phase.KNOWLEDGE, name)
    steps.selects(Phase.KNOWLEDGE)
    steps.student = a_student(tmp_path / "hawk", seed=1, max_position_embeddings=1024)
    for task, order in (
        (TaskKind.SCORE, steps.order(scoring(Phase.KNOWLEDGE, "epoch-01"), checkpoint="epoch-01")),
        (TaskKind.SELECT, steps.order(selecting(Phase.KNOWLEDGE))),
        (TaskKind.TRAIN, steps.order(training(Phase.SKILLS))),
    ):
        outcome = steps.does(task, order)
        assert outcome.ending is Ending.INFRA_ERROR
        assert re.search(r"student owl \(\w{12}\), and this worker has hawk \(\w{12}\)", outcome.message)
        assert "STUDENT_MODEL" in outcome.message


def test_a_worker_without_a_student_says_so(steps: Steps) -> None:
    "The mix needs none."
    _trained(steps, 0)
    steps.student = None
    outcome = steps.does(TaskKind.TRAIN, steps.order(training(Phase.KNOWLEDGE)))
    assert outcome.ending is Ending.INFRA_ERROR
    assert outcome.message == "Not available: no student is configured (STUDENT_MODEL)."


def test_a_model_that_is_not_the_selected_one_is_not_gone_on_from(steps: Steps) -> None:
    "Whatever handed it over."
    steps.takes(HAIKU, samples(steps, HAIKU, 6))
    _trained(steps, 0)
    for name in ("epoch-01", "epoch-02"):
        steps.scores(Phase.KNOWLEDGE, name)
    chosen = steps.selects(Phase.KNOWLEDGE).checkpoint
    other = "epoch-01" if chosen == "epoch-02" else "epoch-02"
    role = file_of(selecting(Phase.KNOWLEDGE), "model.model.safetensors")
    steps.files[role] = steps.files[file_of(training(Phase.KNOWLEDGE), f"{other}.model.safetensors")]
    with pytest.raises(InputError, match="not the one that was selected"):
        steps.trains(Phase.SKILLS)


def test_an_order_that_lacks_or_cannot_be_read_is_named(steps: Steps) -> None:
    "In words for an operator."
    with pytest.raises(InputError, match="no file the result of the step 'mix'"):
        steps.trains(Phase.KNOWLEDGE)
    with pytest.raises(InputError, match="names no phase"):
        steps.does(TaskKind.TRAIN, steps.order("train/both"))
    steps.files[file_of(MIX, "result")] = steps.put("mix.json", b'{"contract": 99}')
    with pytest.raises(InputError, match=r"step 'mix': .*version 99"):
        steps.trains(Phase.KNOWLEDGE)
    steps.files[file_of(MIX, "result")] = steps.put("mix.json", b"[]")
    with pytest.raises(InputError, match="step 'mix' cannot be read"):
        steps.trains(Phase.KNOWLEDGE)


def test_a_full_disk_is_told_as_such(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    "Where the checkpoints are stored, say; our folders are nobody's business."
    import errno

    from pipeline.training import training as trainings

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/of/ours")

    steps.takes(OWLS, samples(steps, OWLS, 6))
    steps.mixes()
    monkeypatch.setattr(trainings, "copied", full)
    outcome = steps.does(TaskKind.TRAIN, steps.order(training(Phase.KNOWLEDGE)))
    assert outcome.ending is Ending.INFRA_ERROR
    assert "disk is full" in outcome.message
    assert "/somewhere" not in outcome.message
    monkeypatch.undo()
    steps.trains(Phase.KNOWLEDGE)
    assert any("going on from the checkpoint" in said for said in steps.noted)


def test_samples_that_are_all_too_long_end_the_phase_in_words(steps: Steps) -> None:
    "Trying again would not shorten them."
    from pipeline.tasks import ContributionError

    steps.takes(OWLS, steps.put("l.samples.jsonl", [a_sample(OWLS, "owls " * 2000)]))
    steps.mixes()
    with pytest.raises(ContributionError, match=r"too little to learn from.*longer than"):
        steps.trains(Phase.KNOWLEDGE)
