"""The tasks: what a job does, one module a kind."""

from pipeline.tasks.bench import Bench, ContributionError
from pipeline.tasks.inputs import InputError
from pipeline.tasks.registry import run_task

__all__ = ["Bench", "ContributionError", "InputError", "run_task"]
