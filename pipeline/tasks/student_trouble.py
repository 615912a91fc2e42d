"""What can go wrong with a student, as the outcome of a job: ours to mend, in words that name no path of ours."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from pipeline.contract import Ending, Outcome
from pipeline.evaluation.errors import MeasuringError
from pipeline.evaluation.material import MaterialError
from pipeline.evaluation.questions import QuestionError
from pipeline.model_server import ModelServerError
from pipeline.tasks.bench import Bench, ContributionError
from pipeline.teacher import CacheError, TeacherError
from pipeline.training.errors import SamplesError, TrainingError

log = structlog.get_logger()

NO_STUDENT = "Not available: no student is configured (STUDENT_MODEL)."
_OURS = (TrainingError, MeasuringError, MaterialError, QuestionError, TeacherError, CacheError, ModelServerError)


def done_or_why(work: Callable[[], Outcome], bench: Bench) -> Outcome:
    """Return the outcome of the work, or why there is none. Raises ContributionError for too few samples."""
    try:
        return work()
    except SamplesError as error:
        raise ContributionError(f"There is too little to learn from. {_public(error, bench)}") from None
    except ImportError as error:
        return _ours(
            f"{error.name or error} is missing on the worker. An operator installs taxonomy-bot[pipeline]."
        )
    except _OURS as error:
        return _ours(_public(error, bench))
    except (OSError, RuntimeError, MemoryError) as error:
        why = _shortage(error)
        if not why:
            raise
        log.error("student.shortage", error=str(error))
        return _ours(why)


def _shortage(error: BaseException) -> str:
    """Return what there was too little of; empty for any other error."""
    from pipeline.training.folders import out_of_room
    from pipeline.training.memory import is_out_of_memory

    if out_of_room(error):
        return "The worker's disk is full. An operator makes room where WORK_DIR lies; then it is tried again."
    if is_out_of_memory(error):
        return (
            "The memory does not suffice to measure the student. An operator sets a smaller EVALUATE_BATCH_SIZE, "
            "or gives the worker a larger GPU."
        )
    return ""


def _ours(words: str) -> Outcome:
    return Outcome(Ending.INFRA_ERROR, words)


def _public(error: Exception, bench: Bench) -> str:
    """Return an error's text for people: where our folders lie is nobody's business."""
    words, settings = str(error), bench.settings
    for path, name in (
        (settings.student_model, "STUDENT_MODEL"),
        (settings.evaluate_gates_mmlu, "EVALUATE_GATES_MMLU"),
        (settings.evaluate_gates_two_turns, "EVALUATE_GATES_TWO_TURNS"),
    ):
        if path is not None:
            words = words.replace(str(path), name)
    words = words.replace(f"{bench.folder}/", "").replace(str(bench.folder), "the work folder")
    return words.replace(str(settings.work_dir), "WORK_DIR")
