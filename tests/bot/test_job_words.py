"""Jobs and batches in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import pytest

from bot.commands.situation import (
    Approve,
    AskMerge,
    Assign,
    ConfirmBatch,
    Effect,
    EndJobs,
    Fire,
    JudgeAgain,
    PreviewBatch,
    PutRight,
    QueueJob,
    Remind,
    Retitle,
    RetryJob,
    Say,
    SetAside,
    SetLabel,
    SetOpen,
    ShowRule,
    Withdraw,
)
from bot.comments.batches import foreseen
from bot.comments.jobs import cost_in_words, job_in_full, job_lines, stage
from bot.jobs import Job, JobKind, JobRequest, JobState
from bot.store.approvals import ApprovalKind
from bot.store.pardons import PardonKind
from bot.workflow import State, Status, Trigger
from checks.contribution import Login, Sha

HEAD = Sha("a" * 40)
JOB = Job(
    3,
    JobRequest(1, 2, JobKind.GENERATE, HEAD, 4, Login("tess"), "comment:1:1"),
    JobState.QUEUED,
    datetime(2026, 1, 5, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("position", "words"),
    [
        (1, "next in the queue"),
        (2, "2nd in the queue"),
        (3, "3rd in the queue"),
        (4, "4th in the queue"),
        (11, "11th in the queue"),
        (22, "22nd in the queue"),
        (113, "113th in the queue"),
    ],
)
def test_a_waiting_job_says_its_place(position: int, words: str) -> None:
    "As people count."
    assert stage(replace(JOB, position=position)) == words


@pytest.mark.parametrize("state", JobState)
def test_every_end_at_the_head_has_a_line_but_for_one(state: JobState) -> None:
    "A superseded job is nobody's business: the push that did it is known."
    lines = list(job_lines([replace(JOB, state=state)], HEAD))
    assert len(lines) == (state is not JobState.SUPERSEDED)


def test_an_end_at_another_commit_is_not_told() -> None:
    "It says nothing about what is there now; what still runs does."
    older = replace(JOB, request=replace(JOB.request, head_sha=Sha("b" * 40)))
    assert list(job_lines([replace(older, state=JobState.SUCCEEDED)], HEAD)) == []
    assert list(job_lines([replace(older, state=JobState.RUNNING)], HEAD)) == [
        "Being computed: generate (running)."
    ]


FORESEEN: dict[Effect, str] = {
    Fire(Trigger.HOLD): "+`hold`",
    Fire(Trigger.REQUEST_CHANGES): "+`triage-requested-changes`; -`triage-needed`",
    Fire(Trigger.UNHOLD): "nothing changes",
    Approve(ApprovalKind.APPROVE): "your approval counts",
    Withdraw(ApprovalKind.LGTM): "your approval is taken back",
    SetAside(PardonKind.WRONG, "pii", ""): "the finding `pii` is set aside",
    QueueJob(JobKind.GENERATE): "`generate` is queued",
    EndJobs(JobState.CANCELLED): "its jobs are ended",
    RetryJob(3): "job 3 is queued anew",
    AskMerge(): "it is queued for its merge",
    SetLabel("odd", on=False): "-`odd`",
    Say("Thank you."): "its author reads your words",
    JudgeAgain(): "the checks run again",
    Remind(1, ""): "a reminder in 1 day",
    Assign(Login("tess"), on=True): "`tess` is assigned",
    Assign(Login("tess"), on=False): "`tess` is no longer assigned",
    Retitle("Shorter"): "the new title",
    SetOpen(is_open=False): "it is closed",
    SetOpen(is_open=True): "it is opened again",
}
SPEAKS = {ShowRule, PutRight, PreviewBatch, ConfirmBatch}


@pytest.mark.parametrize("effect", FORESEEN, ids=lambda effect: str(effect)[:40])
def test_what_would_happen_is_said(effect: Effect) -> None:
    "In the preview of a batch, for a pull request that waits for triage."
    assert foreseen([effect], Status(State.NEEDED)) == FORESEEN[effect]


def test_every_effect_has_words_in_a_preview() -> None:
    "But for those that only speak, which no batch holds."
    assert {type(effect) for effect in FORESEEN} | SPEAKS == set(get_args(Effect))


@pytest.mark.parametrize(
    ("hours", "words"),
    [(None, ""), (0.0, "less than 0.1 GPU hours"), (0.5, "about 0.5 GPU hours"), (12.34, "about 12.3 GPU hours")],
)
def test_a_waiting_job_says_what_it_should_cost(hours: float | None, words: str) -> None:
    "In the living comment and in `/status`, where hours are limited."
    job = replace(JOB, position=1, expected_gpu_h=hours)
    said = f", {words}" if words else ""
    assert cost_in_words(job) == words
    assert list(job_lines([job], HEAD)) == [f"Being computed: generate (next in the queue{said})."]
    assert job_in_full(job) == f"Job 3, generate at `aaaaaaa`: next in the queue{said}"
