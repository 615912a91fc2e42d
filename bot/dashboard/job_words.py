"""Jobs in plain words: what each kind does, how each state reads, what each queue is for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bot.jobs import JobKind, JobState
from pipeline.contract import Queue

TITLES: Mapping[JobKind, str] = MappingProxyType(
    {
        JobKind.PRECHECK: "Precheck",
        JobKind.GENERATE: "Generation",
        JobKind.EVALUATE: "Evaluation",
        JobKind.POSTCHECK: "Postcheck",
        JobKind.MIX: "Mixing",
        JobKind.TRAIN: "Training",
        JobKind.SCORE: "Scoring",
        JobKind.SELECT: "Selection",
        JobKind.VARIANT: "Comparison training",
        JobKind.GATE: "Gate",
        JobKind.PACKAGE: "Packaging",
    }
)

PURPOSES: Mapping[JobKind, str] = MappingProxyType(
    {
        JobKind.PRECHECK: "Asks the base model the seed questions, to see whether it knows this already.",
        JobKind.GENERATE: "Makes synthetic data from the seed examples.",
        JobKind.EVALUATE: "Tunes an adapter on the generated data and measures what it changes.",
        JobKind.POSTCHECK: "Asks the tuned model the questions of the precheck.",
        JobKind.MIX: "Makes one set to train on from the data of all leaves.",
        JobKind.TRAIN: "Trains one phase of a build.",
        JobKind.SCORE: "Scores one checkpoint.",
        JobKind.SELECT: "Chooses the best checkpoint of a phase.",
        JobKind.VARIANT: "Trains otherwise, to compare with: another seed, or without some leaves.",
        JobKind.GATE: "Compares the candidate with the last good build and the pinned release.",
        JobKind.PACKAGE: "Puts together what is published.",
    }
)

QUEUES: Mapping[Queue, str] = MappingProxyType(
    {
        Queue.CPU: "Work without a GPU",
        Queue.SDG: "Generating data",
        Queue.TRAIN: "Training",
        Queue.EVAL: "Measuring",
        Queue.BUILD: "Builds",
    }
)

BADGES: Mapping[JobState, tuple[str, str]] = MappingProxyType(
    {
        JobState.QUEUED: ("waits", "wait"),
        JobState.RUNNING: ("runs", "accent"),
        JobState.SUCCEEDED: ("done", "good"),
        JobState.FAILED_BY_CONTRIBUTION: ("came to nothing", "bad"),
        JobState.INFRA_ERROR: ("broke down", "bad"),
        JobState.TIMED_OUT: ("took too long", "bad"),
        JobState.CANCELLED: ("cancelled", ""),
        JobState.SUPERSEDED: ("superseded", ""),
    }
)

_OF_PULLS: Mapping[JobState, str] = MappingProxyType(
    {
        JobState.RUNNING: "A worker has it. Nobody has to do anything.",
        JobState.SUCCEEDED: "It is done.",
        JobState.FAILED_BY_CONTRIBUTION: "Nothing could be made of these examples. A triager looks why; the author "
        "may have to change them.",
        JobState.INFRA_ERROR: "It broke down. That is our fault, not the author's; a triager can have it tried again.",
        JobState.TIMED_OUT: "It took longer than it may, and was ended. A triager can have it tried again.",
        JobState.CANCELLED: "Somebody cancelled it. A triager can have it tried again.",
        JobState.SUPERSEDED: "A newer commit took its place, or the pull request was closed: its result counts no more.",
    }
)
_OF_BUILDS: Mapping[JobState, str] = MappingProxyType(
    {
        JobState.FAILED_BY_CONTRIBUTION: "Nothing could be made of what it was given: its build goes on without.",
        JobState.INFRA_ERROR: "It broke down. An operator can let its build go on from here.",
        JobState.TIMED_OUT: "It took longer than it may, and was ended. An operator can let its build go on from here.",
        JobState.CANCELLED: "It was cancelled, with its build or because it was no longer needed.",
        JobState.SUPERSEDED: "Its build was planned anew, or is over: its result counts no more.",
    }
)


def state_in_words(state: JobState, *, is_of_build: bool) -> str:
    """Return how a job that is no longer waiting stands, and who acts next, in a sentence or two."""
    return _OF_BUILDS.get(state, _OF_PULLS[state]) if is_of_build else _OF_PULLS[state]


def place_in_words(position: int) -> str:
    """Return the place of a job that waits."""
    if position <= 1:
        return "It is the next one of its queue."
    before = position - 1
    return f"{before} job{'s' if before > 1 else ''} of its queue {'are' if before > 1 else 'is'} before it."
