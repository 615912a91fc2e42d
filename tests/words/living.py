"""The living comment in every state and situation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from bot.comments.living import living_comment
from bot.comments.sign_off import sign_off_recipe
from bot.comments.standing import Standing
from bot.dossier import Dossier
from bot.jobs import JobKind, JobState
from bot.labels import FLAG_LABELS, Label
from bot.merging import refusal_of
from bot.readiness import Rival
from bot.store.approvals import ApprovalKind
from bot.store.pardons import Pardon, PardonKind
from bot.workflow import State, turn_after
from checks.findings import Outcome, Verdict
from checks.policy import Policy
from tests.bot.situations import (
    CONTENT,
    IDS,
    NOW,
    OLDER_SHA,
    REPOSITORY_ID,
    SHA,
    a_case,
    a_job,
    a_standing,
    a_status,
    an_approval,
    an_approved_case,
)
from tests.checks.contributions import SKILL_PATH
from tests.words.findings import (
    ADVICE,
    CRASHED,
    CRASHED_BESIDE_A_FINDING,
    FAILED,
    LEFT_OPEN,
    LINKS,
    LONG_ANSWER,
    NOTE,
    PASSED,
    TOO_FEW,
    UNREADABLE,
    UNSIGNED,
)

LEAF = SKILL_PATH.rpartition("/")[0]
BY_HAND = Policy().merging.model_copy(update={"automatic": False})


def comment(verdict: Verdict, standing: Standing, recipe: str = "") -> str:
    "What the living comment says."
    return living_comment(verdict, turn_after(verdict.overall), standing, LINKS, recipe)


def a_pardon(kind: PardonKind, rule: str, actor: str, reason: str = "") -> Pardon:
    source = f"comment:{IDS.get(actor, 1)}:1"
    return Pardon(REPOSITORY_ID, 1, kind, rule, CONTENT, IDS.get(actor, 1), actor, reason, NOW, source)


def words() -> Iterator[tuple[str, str]]:
    "Yield each situation's name and what the comment says in it."
    for place, told in (
        ("state", _states()),
        ("flag", _flags()),
        ("verdict", _verdicts()),
        ("same-leaf", _rivals()),
        ("set-aside", _pardons()),
        ("wait", _waits()),
        ("jobs", _jobs()),
        ("ready", _ready()),
        ("author", _authors()),
    ):
        yield from ((f"living/{place}-{name}", text) for name, text in told)
    yield (
        "living/with-a-page",
        living_comment(
            PASSED,
            turn_after(PASSED.overall),
            a_standing(a_case(status=a_status(State.NEEDED))),
            replace(LINKS, page_url="https://bot.example/r/instruct/taxonomy/pulls/1"),
        ),
    )
    yield (
        "living/heard-review",
        comment(PASSED, a_standing(a_case(status=a_status(State.APPROVED)), heard="tess triage-approve hold")),
    )


def _states() -> Iterator[tuple[str, str]]:
    for state in State:
        case = a_case(status=a_status(state), outcome=_outcome_in(state))
        yield state.value, comment({Outcome.FAILED: FAILED}.get(_outcome_in(state), PASSED), a_standing(case))


def _outcome_in(state: State) -> Outcome:
    return Outcome.FAILED if state is State.NOT_READY else Outcome.PASSED


def _flags() -> Iterator[tuple[str, str]]:
    for flag in sorted(FLAG_LABELS):
        yield flag.value, comment(PASSED, a_standing(a_case(status=a_status(State.NEEDED, flag))))
    stale = a_status(State.CHANGES_REQUESTED, Label.STALE)
    yield "stale-after-request", comment(PASSED, a_standing(a_case(status=stale)))


def _verdicts() -> Iterator[tuple[str, str]]:
    failed = a_standing(a_case(status=a_status(State.NOT_READY), outcome=Outcome.FAILED, things_to_fix=1))
    unverified = a_standing(a_case(status=a_status(State.NEW), outcome=Outcome.UNVERIFIED))
    yield "fails", comment(FAILED, failed)
    yield (
        "fails-again-after-triage",
        comment(FAILED, a_standing(a_case(status=a_status(State.CHANGES_REQUESTED), outcome=Outcome.FAILED))),
    )
    yield (
        "fails-and-is-rejected",
        comment(FAILED, a_standing(a_case(status=a_status(State.REJECTED), outcome=Outcome.FAILED))),
    )
    yield "fails-for-sign-off-only", comment(UNSIGNED, failed, sign_off_recipe(ADVICE))
    yield "passes-with-suggestions", comment(Verdict((LONG_ANSWER, NOTE)), a_standing())
    yield "our-crash", comment(CRASHED, unverified)
    yield "our-crash-beside-a-finding", comment(CRASHED_BESIDE_A_FINDING, failed)
    yield "too-much-to-say", comment(Verdict((replace(TOO_FEW, message="x" * 70_000),)), failed)
    yield "could-not-be-read", comment(UNREADABLE, unverified)
    yield "document-not-looked-at", comment(LEFT_OPEN, unverified)


def _rivals() -> Iterator[tuple[str, str]]:
    others, own = Rival(2, "bob", False, LEAF), Rival(3, "ana", False, LEAF)
    decided = Rival(4, "cleo", True, LEAF)
    yield "of-another", comment(PASSED, a_standing(dossier=Dossier(rivals=(others,))))
    yield "of-ones-own", comment(PASSED, a_standing(dossier=Dossier(rivals=(own,))))
    yield "decided", comment(PASSED, a_standing(dossier=Dossier(rivals=(decided,))))
    many = tuple(Rival(n, f"person-{n}", False, LEAF) for n in range(2, 9))
    yield "of-many", comment(PASSED, a_standing(an_approved_case(), Dossier(rivals=many)))
    yield (
        "while-failing",
        comment(
            FAILED,
            a_standing(a_case(status=a_status(State.NOT_READY), outcome=Outcome.FAILED), Dossier(rivals=(others,))),
        ),
    )


def _pardons() -> Iterator[tuple[str, str]]:
    wrong = a_pardon(PardonKind.WRONG, "limits/long-pair", "tess")
    override = a_pardon(PardonKind.OVERRIDE, "licences", "max", "the publisher has agreed by letter")
    yield "wrong", comment(PASSED, a_standing(dossier=Dossier(pardons=(wrong,))))
    yield "override", comment(PASSED, a_standing(dossier=Dossier(pardons=(override,))))
    yield "both", comment(PASSED, a_standing(dossier=Dossier(pardons=(wrong, override))))


def _waits() -> Iterator[tuple[str, str]]:
    for name, wait in (
        ("none-known", None),
        ("under-a-day", timedelta(hours=5)),
        ("one-day", timedelta(days=1, hours=2)),
        ("nine-days", timedelta(days=9)),
    ):
        yield name, comment(PASSED, a_standing(dossier=Dossier(median_wait=wait)))


def _jobs() -> Iterator[tuple[str, str]]:
    for state in JobState:
        job = a_job(3, JobKind.PRECHECK, state, position=1 if state is JobState.QUEUED else 0)
        name = state.value.replace(" ", "-")
        yield name, comment(PASSED, a_standing(dossier=Dossier(jobs=(job,)), head_sha=SHA))
    several = (
        a_job(1, JobKind.PRECHECK, JobState.SUCCEEDED),
        a_job(2, JobKind.GENERATE, JobState.RUNNING),
        a_job(3, JobKind.EVALUATE, JobState.QUEUED, position=12),
        a_job(4, JobKind.POSTCHECK, JobState.INFRA_ERROR, sha=OLDER_SHA),
    )
    yield "several", comment(PASSED, a_standing(dossier=Dossier(jobs=several), head_sha=SHA))


def _ready() -> Iterator[tuple[str, str]]:
    ready = a_status(State.APPROVED, Label.READY_TO_MERGE)
    yield "to-merge", comment(PASSED, a_standing(an_approved_case(status=ready)))
    yield "when-asked-for", comment(PASSED, a_standing(an_approved_case(status=ready, merging=BY_HAND)))
    refused = replace(refusal_of("2 of 2 required status checks are expected.", 405), is_told=True)
    yield "but-refused-by-github", comment(PASSED, a_standing(an_approved_case(refusal=refused)))
    yield "but-for-a-conflict", comment(PASSED, a_standing(an_approved_case(is_mergeable=False)))
    yield (
        "but-for-the-approval",
        comment(PASSED, a_standing(an_approved_case(approvals=(an_approval(ApprovalKind.TRIAGE, "tess"),)))),
    )


def _authors() -> Iterator[tuple[str, str]]:
    failed = a_case(status=a_status(State.NOT_READY), outcome=Outcome.FAILED)
    draft = a_case(status=a_status(State.NEW), is_draft=True)
    yield "of-a-draft", comment(PASSED, a_standing(draft))
    yield "of-a-failing-draft", comment(FAILED, a_standing(replace(failed, is_draft=True)))
    yield "for-the-first-time", comment(PASSED, a_standing(is_first_time=True))
    yield "for-the-first-time-failing", comment(FAILED, a_standing(failed, is_first_time=True))
    yield "on-another-branch", comment(PASSED, a_standing(a_case(targets_default_branch=False)))
    other = a_case(paths=("README.md",))
    yield "of-something-else", comment(PASSED, a_standing(other))
