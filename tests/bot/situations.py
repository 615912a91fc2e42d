"""Builders of what decisions and words are made from: an everyday pull request, but for what a test says.

It is ana's, adds a good skill, has passed its checks and waits for triage. `a_case`, `a_standing` and
`a_situation` return it as readiness, the living comment and commands see it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bot.commands.situation import Situation
from bot.comments.standing import Standing
from bot.dossier import Dossier
from bot.jobs import Job, JobKind, JobRequest, JobState
from bot.labels import Label
from bot.readiness import Case, readiness
from bot.roles import Role
from bot.store.approvals import Approval, ApprovalKind
from bot.workflow import State, Status
from checks.contribution import Login, Sha
from checks.findings import Outcome
from checks.policy import Policy
from tests.checks.contributions import SKILL_PATH

SHA = Sha("c0ffee" + "0" * 34)
OLDER_SHA = Sha("decade" + "0" * 34)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
CONTENT = "d" * 64
REPOSITORY_ID = 1
IDS = {"ana": 7, "tess": 8, "apo": 9, "max": 10, "mia": 11, "mallory": 12}


def a_status(state: State = State.NEEDED, *flags: Label) -> Status:
    return Status(state, frozenset(flags))


def an_approval(kind: ApprovalKind, login: str, *, content: str = CONTENT) -> Approval:
    "Somebody stands behind the content."
    return Approval(REPOSITORY_ID, 1, kind, IDS[login], login, SHA, content, NOW, f"comment:{IDS[login]}:1")


def a_job(number: int, kind: JobKind, state: JobState, *, sha: Sha = SHA, position: int = 0) -> Job:
    request = JobRequest(REPOSITORY_ID, 1, kind, sha, IDS["tess"], Login("tess"), f"comment:{number}:1")
    return Job(number, request, state, NOW, position)


def a_case(**changes: Any) -> Case:
    "The everyday pull request as its readiness is decided from."
    everyday = Case(
        status=a_status(),
        outcome=Outcome.PASSED,
        paths=(SKILL_PATH, SKILL_PATH.replace("qna.yaml", "attribution.txt")),
        author_id=IDS["ana"],
        content_digest=CONTENT,
        merging=Policy().merging,
    )
    return replace(everyday, **changes)


def an_approved_case(**changes: Any) -> Case:
    "The everyday pull request with nothing missing, but for what a test says."
    approvals = (an_approval(ApprovalKind.TRIAGE, "tess"), an_approval(ApprovalKind.APPROVE, "apo"))
    return a_case(**({"status": a_status(State.APPROVED), "approvals": approvals} | changes))


def a_standing(case: Case | None = None, dossier: Dossier = Dossier(), **changes: Any) -> Standing:
    "The everyday pull request as the living comment sees it."
    case = case or a_case()
    case = replace(case, rivals=dossier.rivals or case.rivals)
    everyday = Standing(
        author="ana",
        is_first_time=False,
        is_draft=case.is_draft,
        targets_default_branch=case.targets_default_branch,
        status=case.status,
        readiness=readiness(case),
        dossier=dossier,
    )
    return replace(everyday, **changes)


def a_situation(
    actor: str = "tess",
    role: Role = Role.TRIAGER,
    case: Case | None = None,
    *,
    failing_causes: Iterable[str] = (),
    **changes: Any,
) -> Situation:
    "The everyday pull request as the command of somebody meets it."
    case = case or a_case()
    everyday = Situation(
        organisation="instruct",
        number=1,
        author=Login("ana"),
        author_id=IDS["ana"],
        actor=Login(actor),
        actor_id=IDS[actor],
        role=role,
        labels=frozenset({"skill", *case.status.labels}),
        status=case.status,
        is_open=case.is_open,
        is_draft=case.is_draft,
        head_sha=SHA,
        policy=Policy(),
        outcome=case.outcome,
        case=case,
        readiness=readiness(case),
        failing_causes=frozenset(failing_causes),
    )
    return replace(everyday, **changes)
