"""Select: the best checkpoint of a phase becomes a whole model, for the next phase or for the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.build_orders import MODEL, Phase, training
from pipeline.build_results import ScoreResult, SelectResult, TrainResult
from pipeline.building.checkpoints_at_hand import whole_model
from pipeline.building.orders_at_hand import AtHand, same_student
from pipeline.building.step_work import step_done
from pipeline.building.train_step import phase_of
from pipeline.contract import Ending, JobSpec, Outcome
from pipeline.evaluation.students import identity_of
from pipeline.tasks.bench import Bench
from pipeline.tasks.inputs import InputError


def select_step(spec: JobSpec, bench: Bench) -> Outcome:
    """Select, and store the whole model. Raises InputError."""
    return step_done(spec, bench, _selected)


def best_of(scores: Sequence[ScoreResult]) -> ScoreResult:
    """Return the best of scores, given from the oldest checkpoint on.

    It is the highest, of equals that with the least dev loss, of those that are equal in both the earliest. Where
    nothing could be measured it is the last, which has learnt the most.
    """
    if not any(score.n for score in scores):
        return scores[-1]
    return min(scores, key=lambda score: (-score.score, _loss(score)))


def why_best(best: ScoreResult, scores: Sequence[ScoreResult]) -> str:
    """Return why it was selected, in a sentence."""
    if not best.n:
        return "Nothing was there to choose by: the last one was taken."
    if len(scores) == 1:
        return "It is the only one."
    what = "the probability of a token in the samples kept for watching" if best.is_by_loss else "right answers"
    equals = sum(score.score == best.score for score in scores)
    said = f"The best of {len(scores)} by {what}: {best.score:.4f}, with n = {best.n}"
    return f"{said}; {equals} were equal, and it has the least dev loss of them." if equals > 1 else f"{said}."


def _loss(score: ScoreResult) -> float:
    return float("inf") if score.dev_loss is None else score.dev_loss


def _selected(hand: AtHand, bench: Bench) -> Outcome:
    phase, student = phase_of(hand.order.step), bench.settings.student_model
    assert student is not None  # noqa: S101 - looked at before
    trained = hand.result(training(phase), TrainResult)
    scores = hand.results(f"score/{phase}/", ScoreResult)
    _check(trained, scores, phase)
    epochs = {each.name: each.epoch for each in trained.checkpoints}
    scores.sort(key=lambda score: epochs[score.checkpoint])
    here = same_student(student, [trained.student, *(score.student for score in scores)])
    best = best_of(scores)
    why = why_best(best, scores)
    bench.tell(0.1, f"making {best.checkpoint} a whole model")
    bench.note(f"{best.checkpoint}: {why}")
    place = whole_model(hand, trained, best.checkpoint, student, bench.folder)
    bench.tell(0.7, "storing the model")
    files = tuple(hand.put_folder(MODEL, place))
    model = replace(identity_of(place), name=_name(hand, phase))
    result = SelectResult(phase, best.checkpoint, tuple(scores), why, model, here)
    return Outcome(Ending.SUCCEEDED, f"{best.checkpoint}. {why}", hand.put_result(result), files)


def _check(trained: TrainResult, scores: Sequence[ScoreResult], phase: Phase) -> None:
    """Raise InputError unless the scores are of checkpoints that there are, and there is one at least."""
    unknown = {score.checkpoint for score in scores} - {each.name for each in trained.checkpoints}
    if not scores or unknown:
        what = f"no checkpoint {sorted(unknown)[0]!r} was trained" if unknown else "no score came with this step"
        raise InputError(f"The phase of {phase}: {what}. An operator updates bot and workers alike.")


def _name(hand: AtHand, phase: Phase) -> str:
    return f"{hand.order.build} after {phase}" if hand.order.build else f"after {phase}"
