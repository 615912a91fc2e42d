"""The work of a step in its frame: order read, trouble put into words, time taken."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from pipeline.artifacts import ArtifactStore
from pipeline.building.errors import NothingToTrainError, OtherStudentError
from pipeline.building.orders_at_hand import AtHand, at_hand
from pipeline.contract import Ending, JobSpec, Outcome
from pipeline.datasets import DatasetError
from pipeline.recipes import RecipeError
from pipeline.tasks.bench import Bench, ContributionError
from pipeline.tasks.student_trouble import NO_STUDENT, done_or_why


def step_done(
    spec: JobSpec, bench: Bench, work: Callable[[AtHand, Bench], Outcome], *, needs_student: bool = True
) -> Outcome:
    """Return the outcome of a step. Raises InputError; what an operator mends is an outcome in words."""
    if needs_student and bench.settings.student_model is None:
        return Outcome(Ending.INFRA_ERROR, NO_STUDENT)
    began = time.monotonic()
    hand = at_hand(spec, ArtifactStore(bench.settings.artifacts_url))
    outcome = done_or_why(lambda: _worked(hand, bench, work), bench)
    return replace(outcome, run_s=time.monotonic() - began)


def _worked(hand: AtHand, bench: Bench, work: Callable[[AtHand, Bench], Outcome]) -> Outcome:
    try:
        return work(hand, bench)
    except NothingToTrainError as error:
        raise ContributionError(str(error)) from None
    except OtherStudentError as error:
        return Outcome(Ending.INFRA_ERROR, str(error))
    except (DatasetError, RecipeError) as error:
        words = str(error).replace(f"{bench.folder}/", "").replace(f"{bench.settings.work_dir}/", "WORK_DIR/")
        return Outcome(Ending.INFRA_ERROR, words)
