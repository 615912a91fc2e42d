"""Which task does which kind of job."""

from __future__ import annotations

from pipeline.contract import Ending, JobSpec, Outcome, TaskKind
from pipeline.tasks.bench import Bench
from pipeline.tasks.evaluate import evaluate_job
from pipeline.tasks.generate import generate_job
from pipeline.tasks.postcheck import postcheck_job
from pipeline.tasks.precheck import precheck


def run_task(spec: JobSpec, bench: Bench) -> Outcome:
    """Do the job. Raises ContributionError for what its author can mend; anything else is our fault."""
    if spec.task is TaskKind.PRECHECK:
        return precheck(spec, bench)
    if spec.task is TaskKind.GENERATE:
        return generate_job(spec, bench)
    if spec.task is TaskKind.EVALUATE:
        return evaluate_job(spec, bench)
    if spec.task is TaskKind.POSTCHECK:
        return postcheck_job(spec, bench)
    from pipeline.building.steps import STEPS  # it needs what is around here

    if step := STEPS.get(spec.task):
        return step(spec, bench)
    return Outcome(Ending.INFRA_ERROR, f"Not available: no model is configured for {spec.task}.")
