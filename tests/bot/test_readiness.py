"""Whether a pull request may be merged: what cannot be known counts as missing, and the first reason is told."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from bot.comments.living import first_line
from bot.comments.readiness import readiness_report
from bot.labels import Label
from bot.merging import refusal_of
from bot.readiness import Obstacle, Rival, Who, readiness, refused
from bot.store.approvals import ApprovalKind
from bot.workflow import State, turn_after
from checks.findings import Outcome, Verdict
from checks.policy import Policy
from tests.bot.situations import SHA, a_case, a_standing, a_status, an_approval, an_approved_case
from tests.checks.contributions import SKILL_PATH

CODE = "scripts/lint.py"
TRIAGED = an_approval(ApprovalKind.TRIAGE, "tess")
APPROVED = an_approval(ApprovalKind.APPROVE, "apo")


def policy_of(**merging: Any) -> Any:
    return Policy.model_validate({"merging": merging}).merging


def lgtms(*logins: str) -> tuple[Any, ...]:
    return tuple(an_approval(ApprovalKind.LGTM, login) for login in logins)


READY = {
    "a contribution, signed off and approved": an_approved_case(),
    "approved by whoever signed off": an_approved_case(
        approvals=(an_approval(ApprovalKind.TRIAGE, "apo"), APPROVED)
    ),
    "code with two maintainers behind it": a_case(paths=(CODE,), approvals=lgtms("max", "mia")),
    "both kinds with both kinds of approval": an_approved_case(
        paths=(SKILL_PATH, CODE), approvals=(TRIAGED, APPROVED, *lgtms("max", "mia"))
    ),
    "a rival that is decided": an_approved_case(rivals=(Rival(2, "bob", is_decided=True),)),
    "mergeability that GitHub still works out": an_approved_case(is_mergeable=None),
    "an evaluation that finds it no worse": an_approved_case(
        merging=policy_of(needs_evaluation=True), evaluation="no significant change"
    ),
    "GitHub's refusal, which is GitHub's to lift": an_approved_case(refusal=refusal_of("No.", 405)),
    "a merge that waits for a word": an_approved_case(merging=policy_of(automatic=False)),
}

NOT_READY = {
    "closed": (an_approved_case(is_open=False), "It is closed."),
    "merged": (an_approved_case(is_open=False, is_merged=True), "It is merged."),
    "rejected before all else": (
        an_approved_case(status=a_status(State.REJECTED, Label.HOLD), outcome=Outcome.FAILED, is_draft=True),
        "Triage cannot accept it; it is to be closed. Next: an approver.",
    ),
    "checks that have not run": (
        an_approved_case(outcome=None),
        "The checks have not run on the newest commit yet. Next: the bot.",
    ),
    "checks that fail": (
        an_approved_case(outcome=Outcome.FAILED, things_to_fix=2),
        "The checks fail: 2 things to fix. Next: the author.",
    ),
    "checks that broke down": (
        an_approved_case(outcome=Outcome.UNVERIFIED),
        "The checks could not be run in full: that is our fault, not the author's. Next: the bot.",
    ),
    "a draft": (an_approved_case(is_draft=True), "It is a draft. Next: the author."),
    "another base": (
        an_approved_case(targets_default_branch=False),
        "It is not for the branch that models are built from, so I never merge it. Next: the author.",
    ),
    "a legal hold": (
        an_approved_case(status=a_status(State.APPROVED, Label.LEGAL_HOLD)),
        "Its licence or source has to be looked at (`legal-hold`). Next: a maintainer.",
    ),
    "a hold": (
        an_approved_case(status=a_status(State.APPROVED, Label.HOLD)),
        "It is held up by hand (`hold`); `/unhold` lifts that. Next: whoever held it up, or a triager.",
    ),
    "no sign-off": (
        an_approved_case(status=a_status(State.NEEDED)),
        "Triage has not signed it off yet. Next: a triager.",
    ),
    "no approval": (
        an_approved_case(approvals=(TRIAGED,)),
        "It needs the approval of an approver (`/approve`). Next: an approver.",
    ),
    "the author's own approval": (
        an_approved_case(approvals=(TRIAGED, an_approval(ApprovalKind.APPROVE, "ana"))),
        "It needs the approval of an approver (`/approve`). Next: an approver.",
    ),
    "an approval of other content": (
        an_approved_case(approvals=(TRIAGED, an_approval(ApprovalKind.APPROVE, "apo", content="e" * 64))),
        "It needs the approval of an approver (`/approve`). Next: an approver.",
    ),
    "one person for both where two are wanted": (
        an_approved_case(
            merging=policy_of(different_people=True), approvals=(an_approval(ApprovalKind.TRIAGE, "apo"), APPROVED)
        ),
        "Who signed off triage and who approves must be two people. Next: an approver.",
    ),
    "one approver twice where two are wanted": (
        an_approved_case(merging=policy_of(approvals=2), approvals=(TRIAGED, APPROVED, APPROVED)),
        "It needs the approval of an approver (`/approve`). Next: an approver.",
    ),
    "no evaluation": (
        an_approved_case(merging=policy_of(needs_evaluation=True)),
        "It has not been evaluated yet: `/evaluate` does. Next: a triager.",
    ),
    "a worse model": (
        an_approved_case(merging=policy_of(needs_evaluation=True), evaluation="regressed"),
        "The evaluation finds the model worse with it. Next: an approver.",
    ),
    "code with one maintainer twice": (
        a_case(paths=(CODE,), approvals=lgtms("max", "max")),
        "It changes files that are no contribution: that needs `/lgtm` of one more maintainer. Next: a maintainer.",
    ),
    "code of a maintainer's own": (
        a_case(paths=(CODE,), approvals=lgtms("ana", "mia")),
        "It changes files that are no contribution: that needs `/lgtm` of one more maintainer. Next: a maintainer.",
    ),
    "code that an approver approves": (
        an_approved_case(paths=(CODE,)),
        "It changes files that are no contribution: that needs `/lgtm` of 2 maintainers. Next: a maintainer.",
    ),
    "both kinds with one kind of approval": (
        an_approved_case(paths=(SKILL_PATH, CODE)),
        "It also changes files that are no contribution: that needs `/lgtm` of 2 maintainers. Next: a maintainer.",
    ),
    "no files at all": (
        a_case(paths=()),
        "It changes files that are no contribution: that needs `/lgtm` of 2 maintainers. Next: a maintainer.",
    ),
    "an undecided rival": (
        an_approved_case(rivals=(Rival(2, "bob", is_decided=False),)),
        "#2 is for the same leaf and not decided yet: the same leaf gets one decision. "
        "Next: a triager, for both together.",
    ),
    "a conflict": (
        an_approved_case(is_mergeable=False),
        "It conflicts with the branch it is for: bring your branch up to date and resolve that. Next: the author.",
    ),
    "what breaks on the newest base": (
        an_approved_case(refusal=Obstacle("Both together break.", Who.AUTHOR)),
        "Both together break. Next: the author.",
    ),
}


@pytest.mark.parametrize("case", READY.values(), ids=READY)
def test_nothing_is_missing(case: Any) -> None:
    "The check run lets GitHub merge."
    found = readiness(case)
    assert found.is_ready
    assert readiness_report(found, SHA).conclusion == "success"


@pytest.mark.parametrize(("case", "why"), NOT_READY.values(), ids=NOT_READY)
def test_something_is_missing(case: Any, why: str) -> None:
    "The first reason is the same in the check run as in `/why`; never neutral."
    found = readiness(case)
    report = readiness_report(found, SHA)
    assert not found.is_ready
    assert found.why == why
    assert report.conclusion == "action_required"
    assert report.summary.splitlines()[0].replace("**", "") == why


def test_no_contribution_is_ready_without_every_yes() -> None:
    "Whatever state, verdict and flags come together: ready means signed off, passed and free."
    flags: list[set[Label]] = [set(), {Label.HOLD}, {Label.LEGAL_HOLD}, {Label.STALE}]
    for state, outcome, some, draft in itertools.product(State, (*Outcome, None), flags, (True, False)):
        case = an_approved_case(status=a_status(state, *some), outcome=outcome, is_draft=draft)
        is_free = not draft and not some & {Label.HOLD, Label.LEGAL_HOLD}
        expected = state is State.APPROVED and outcome is Outcome.PASSED and is_free
        assert readiness(case).is_ready is expected, (state, outcome, some, draft)


@pytest.mark.parametrize(("case", "why"), NOT_READY.values(), ids=NOT_READY)
def test_the_living_comment_names_the_same_person(case: Any, why: str) -> None:
    "Its heading and `/why` never send two different people."
    if not case.is_open or case.outcome is None:
        pytest.skip("there is no such comment")
    who = readiness(case).obstacles[0].who
    heading = first_line(Verdict(()), 1, turn_after(case.outcome), a_standing(case)).partition("Next: ")[2]
    words = {Who.AUTHOR: ("you",), Who.US: ("us", "the bot")}.get(who, (str(who),))
    assert heading.startswith(words), (heading, why)


@pytest.mark.parametrize(
    ("words", "status", "who"),
    [
        ('Required status check "Build" is expected.', 405, Who.OTHERS),
        ("2 of 3 required status checks are in progress.", 405, Who.OTHERS),
        ("At least 1 approving review is required by reviewers with write access.", 405, Who.APPROVER),
        ("Head branch is out of date. Review and try the merge again.", 405, Who.AUTHOR),
        ("Pull Request is not mergeable", 405, Who.AUTHOR),
        ("Squash merges are not allowed on this repository.", 405, Who.MAINTAINER),
        ("Resource not accessible by integration", 403, Who.MAINTAINER),
        ("Changes must be made through the merge queue", 405, Who.APPROVER),
    ],
)
def test_a_refusal_names_who_can_do_something(words: str, status: int, who: Who) -> None:
    "GitHub's words stay as they are, as code."
    obstacle = refusal_of(words, status)
    assert obstacle.who is who
    assert f"`{words}`" in obstacle.text


@pytest.mark.parametrize("obstacle", [refusal_of("No\tway", 405), Obstacle("Both together break.", Who.AUTHOR)])
def test_a_refusal_is_read_as_it_was_stored(obstacle: Obstacle) -> None:
    "Also whether it is GitHub's or ours."
    again = refused(obstacle.written())
    assert again is not None
    assert (again.text, again.who, again.for_now) == (obstacle.text, obstacle.who, obstacle.for_now)
    assert refused("") is None
