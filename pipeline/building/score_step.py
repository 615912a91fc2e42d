"""Score: how good a checkpoint is, on questions that are kept for choosing and never for measuring."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from pipeline.build_orders import MIX, Phase, training
from pipeline.build_results import MixResult, ScoreResult, TrainedCheckpoint, TrainResult
from pipeline.building.checkpoints_at_hand import whole_model
from pipeline.building.orders_at_hand import AtHand, same_student
from pipeline.building.phase_settings import form_of, is_tiny
from pipeline.building.step_work import step_done
from pipeline.building.train_step import QUIET, phase_of
from pipeline.contract import Ending, JobSpec, Outcome
from pipeline.datasets import read_jsonl
from pipeline.evaluation.mmlu_tasks import MmluTask
from pipeline.evaluation.questions import Question, QuestionError, question_of
from pipeline.evaluation.students import free_memory, load_alone
from pipeline.evaluation_results import LEAST_QUESTIONS, ModelIdentity
from pipeline.generation import QUESTIONS
from pipeline.sdg.rows import Split
from pipeline.tasks.bench import Bench
from pipeline.tasks.inputs import InputError


def score_step(spec: JobSpec, bench: Bench) -> Outcome:
    """Score the checkpoint of the order. Raises InputError."""
    return step_done(spec, bench, _scored)


def _scored(hand: AtHand, bench: Bench) -> Outcome:
    os.environ.update(dict.fromkeys(QUIET, "1"))
    phase, model = phase_of(hand.order.step), bench.settings.student_model
    assert model is not None  # noqa: S101 - looked at before
    trained = hand.result(training(phase), TrainResult)
    student = same_student(model, [trained.student])
    checkpoint = _checkpoint(hand, trained)
    questions = _questions_to_choose_by(hand, phase, bench.folder)
    if len(questions) < LEAST_QUESTIONS:
        result = _by_loss(phase, trained, checkpoint, student)
    else:
        right = _right(hand, trained, checkpoint, model, questions, bench)
        result = ScoreResult(
            phase,
            checkpoint.name,
            right / len(questions),
            len(questions),
            checkpoint.dev_loss,
            student=student,
        )
    how = "probability of a token" if result.is_by_loss else "right answers"
    said = f"{checkpoint.name}: {result.score:.4f} ({how}, {result.n} of them)"
    bench.note(said)
    return Outcome(Ending.SUCCEEDED, said, hand.put_result(result))


def _checkpoint(hand: AtHand, trained: TrainResult) -> TrainedCheckpoint:
    found = next((each for each in trained.checkpoints if each.name == hand.order.checkpoint), None)
    if found is None:
        raise InputError(
            f"The training has no checkpoint {hand.order.checkpoint!r}. An operator updates bot and workers alike."
        )
    return found


def _questions_to_choose_by(hand: AtHand, phase: Phase, folder: Path) -> list[Question]:
    """Return the questions of the split dev that ask for what the phase teaches: knowledge or skills."""
    kinds = {leaf.path: leaf.is_knowledge for leaf in hand.order.leaves}
    if not hand.result(MIX, MixResult).questions:
        return []
    found = []
    for number, row in enumerate(read_jsonl(hand.fetch(MIX, QUESTIONS, folder / QUESTIONS)), start=1):
        try:
            question = question_of(row, f"{QUESTIONS}, row {number}")
        except QuestionError as error:
            raise InputError(f"The questions of the mix cannot be read: {error}") from error
        is_knowledge = kinds.get(row["metadata"].get("leaf"), True)
        if question.split is Split.DEV and is_knowledge == (phase is Phase.KNOWLEDGE):
            found.append(question)
    return found


def _right(
    hand: AtHand,
    trained: TrainResult,
    checkpoint: TrainedCheckpoint,
    model: Path,
    questions: Sequence[Question],
    bench: Bench,
) -> int:
    """Return how many questions a checkpoint answers."""
    from pipeline.evaluation.measuring import answers_of

    bench.tell(0.05, f"fetching {checkpoint.name}")
    place = whole_model(hand, trained, checkpoint.name, model, bench.folder)
    bench.tell(0.3, f"{checkpoint.name} answers {len(questions)} questions")
    lone = load_alone(place)
    task = MmluTask("choosing", tuple(questions), (), 0, form_of(bench.settings))
    answers = answers_of(
        lone,
        [task],
        bench.folder / "tasks",
        batch_size=bench.settings.evaluate_batch_size,
        with_chat_template=is_tiny(bench.settings),
    )
    del lone
    free_memory()
    return sum(each.is_right for each in answers[task.name])


def _by_loss(
    phase: Phase, trained: TrainResult, checkpoint: TrainedCheckpoint, student: ModelIdentity
) -> ScoreResult:
    """Score by how probable the samples are that training was watched by."""
    loss = checkpoint.dev_loss
    if loss is None or not trained.dev_samples:
        return ScoreResult(phase, checkpoint.name, 0.0, 0, is_by_loss=True, student=student)
    return ScoreResult(
        phase, checkpoint.name, math.exp(-loss), trained.dev_samples, loss, is_by_loss=True, student=student
    )
