"""What the check runs say: merge readiness for each obstacle, and what the rules find."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bot.actions import ReportCheck
from bot.comments.check_report import apology, check_report
from bot.comments.readiness import readiness_report
from bot.comments.sign_off import sign_off_recipe
from bot.labels import Label
from bot.readiness import Case, Obstacle, Rival, Who, readiness
from bot.store.approvals import ApprovalKind
from bot.workflow import State
from checks.findings import Check, Outcome, Suggestion, Verdict
from checks.policy import Policy
from tests.bot.situations import SHA, a_case, a_status, an_approval, an_approved_case
from tests.checks.contributions import SKILL_PATH
from tests.words.findings import (
    ADVICE,
    ADVICE_TO_SEVERAL,
    CRASHED,
    CRASHED_BESIDE_A_FINDING,
    FAILED,
    LEFT_OPEN,
    LINKS,
    NOTED,
    PASSED,
    TOO_FEW,
    UNREADABLE,
    UNSIGNED,
    a_finding,
)

APPROVE, TRIAGE = ApprovalKind.APPROVE, ApprovalKind.TRIAGE
STRICT = Policy().merging.model_copy(update={"needs_evaluation": True, "approvals": 3, "different_people": True})


def words() -> Iterator[tuple[str, str]]:
    "Yield each check run's name and how it looks."
    for name, case in _cases():
        found = readiness(case)
        report = readiness_report(found, SHA)
        yield f"readiness/{name}", f"{as_text(report)}\n\n---\n\n`/why`: {found.why}"
    for name, report in _reports():
        yield f"checks/{name}", as_text(report)
    long = Verdict(tuple(replace(TOO_FEW, message="x" * 2_000, line=n) for n in range(1, 60)))
    summary = check_report(long, Check.CONTRIBUTION, SHA, LINKS, Policy()).summary
    yield "checks/too-much-to-say", summary[summary.rindex("\n\n") :].strip()


def as_text(report: ReportCheck) -> str:
    "A check run as its page shows it."
    lines = [f"{report.name}: {report.conclusion}", f"# {report.title}", report.summary]
    lines += [f"[{button.label}] {button.description}" for button in report.buttons]
    for note in report.annotations:
        lines.append(f"---\n{note.level} at {note.path}:{note.line}: {note.title}\n\n{note.message}")
        lines += [f"```\n{note.details}\n```"] if note.details else []
    return "\n\n".join(lines)


def _cases() -> Iterator[tuple[str, Case]]:
    ready = an_approved_case()
    for state in State:
        yield f"state-{state}", a_case(status=a_status(state))
    yield "nothing-missing", ready
    yield "closed", replace(ready, is_open=False)
    yield "merged", replace(ready, is_open=False, is_merged=True)
    yield "draft", replace(ready, is_draft=True)
    yield "another-branch", replace(ready, targets_default_branch=False)
    yield "checks-have-not-run", replace(ready, outcome=None)
    yield "checks-fail", replace(ready, outcome=Outcome.FAILED, things_to_fix=2)
    yield "checks-fail-in-one-thing", replace(ready, outcome=Outcome.FAILED, things_to_fix=1)
    yield "checks-broke-down", replace(ready, outcome=Outcome.UNVERIFIED)
    yield "hold", replace(ready, status=a_status(State.APPROVED, Label.HOLD))
    yield "legal-hold", replace(ready, status=a_status(State.APPROVED, Label.LEGAL_HOLD))
    yield "both-holds", replace(ready, status=a_status(State.APPROVED, Label.HOLD, Label.LEGAL_HOLD))
    yield "no-evaluation", replace(ready, merging=STRICT.model_copy(update={"approvals": 1}))
    yield (
        "evaluation-worse",
        replace(ready, evaluation="regressed", merging=STRICT.model_copy(update={"approvals": 1})),
    )
    yield "approval-missing", replace(ready, approvals=())
    yield "two-approvals-missing", replace(ready, merging=STRICT, evaluation="improved")
    yield (
        "one-person-for-both",
        replace(
            ready,
            merging=STRICT.model_copy(update={"approvals": 1, "needs_evaluation": False}),
            approvals=(an_approval(TRIAGE, "apo"), an_approval(APPROVE, "apo")),
        ),
    )
    yield "two-maintainers-missing", a_case(paths=("README.md",))
    lgtm = an_approval(ApprovalKind.LGTM, "max")
    yield "one-maintainer-missing", a_case(paths=("README.md",), approvals=(lgtm,))
    yield "mixed", replace(ready, paths=(SKILL_PATH, "README.md"))
    yield "rival", replace(ready, rivals=(Rival(2, "bob", False),))
    yield "rivals", replace(ready, rivals=tuple(Rival(n, "bob", False) for n in range(2, 12)))
    yield "conflict", replace(ready, is_mergeable=False)
    yield "mergeability-unknown", replace(ready, is_mergeable=None)
    by_hand = Policy().merging.model_copy(update={"automatic": False})
    yield "merged-when-asked-for", replace(ready, merging=by_hand)
    refusal = Obstacle("GitHub does not merge it: `the base branch is protected`", Who.APPROVER, for_now=True)
    yield "refused-by-github", replace(ready, refusal=refusal)


def _reports() -> Iterator[tuple[str, ReportCheck]]:
    policy = Policy()
    no_dco = policy.model_copy(update={"dco": policy.dco.model_copy(update={"enabled": False})})
    fixable = a_finding("lint/trailing-spaces", "Spaces at the end.", suggestion=Suggestion(3, 3, ("a: b",)))
    for name, verdict, check in (
        ("passed", PASSED, Check.CONTRIBUTION),
        ("failed", FAILED, Check.CONTRIBUTION),
        ("with-a-fix", Verdict((fixable,)), Check.CONTRIBUTION),
        ("our-crash", CRASHED, Check.CONTRIBUTION),
        ("our-crash-beside-a-finding", CRASHED_BESIDE_A_FINDING, Check.CONTRIBUTION),
        ("not-read", UNREADABLE, Check.CONTRIBUTION),
        ("left-open", LEFT_OPEN, Check.CONTRIBUTION),
        ("sign-off-passed", PASSED, Check.SIGN_OFF),
        ("sign-off-missing", UNSIGNED, Check.SIGN_OFF),
        ("sign-off-not-read", UNREADABLE, Check.SIGN_OFF),
    ):
        recipe = sign_off_recipe(ADVICE) if verdict is UNSIGNED else ""
        yield name, check_report(verdict, check, SHA, LINKS, policy, recipe)
    yield "sign-off-with-a-note", check_report(NOTED, Check.SIGN_OFF, SHA, LINKS, policy)
    yield (
        "sign-off-of-several",
        check_report(UNSIGNED, Check.SIGN_OFF, SHA, LINKS, policy, sign_off_recipe(ADVICE_TO_SEVERAL)),
    )
    yield "sign-off-not-asked-for", check_report(PASSED, Check.SIGN_OFF, SHA, LINKS, no_dco)
    yield (
        "sign-off-without-email",
        check_report(
            UNSIGNED,
            Check.SIGN_OFF,
            SHA,
            LINKS,
            policy,
            sign_off_recipe(replace(ADVICE, remediation_texts=(), needs_new_author=True)),
        ),
    )
    yield "apology", apology(Check.CONTRIBUTION, SHA, "0123456789ab")
