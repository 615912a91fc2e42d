"""Findings and verdicts to speak of, made from causes of the real rules."""

from __future__ import annotations

from dataclasses import replace

from bot.comments.causes import Links
from checks.findings import Cause, Check, Crash, Finding, RuleId, Severity, Suggestion, Verdict
from checks.registry import all_rules
from checks.sign_off_advice import RemediationText, SignOffAdvice
from tests.bot.situations import SHA
from tests.checks.contributions import SKILL_PATH

LINKS = Links(
    "https://github.com/instruct/taxonomy",
    SHA,
    "https://rules.example/rules.md",
    "https://github.com/instruct/taxonomy/pull/1/checks",
)


def cause(name: str) -> Cause:
    "A cause by its id, such as `schema/missing-key`."
    return next(c for rule in all_rules().values() for c in rule.causes if c.id == name)


def a_finding(
    name: str,
    message: str,
    severity: Severity = Severity.ERROR,
    *,
    path: str | None = SKILL_PATH,
    line: int | None = 3,
    suggestion: Suggestion | None = None,
) -> Finding:
    return Finding(cause(name), severity, message, path, line, 1 if line else None, suggestion=suggestion)


TOO_FEW = a_finding("counts/too-few-examples", "There are 3 seed examples, 5 are needed.")
LONG_ANSWER = a_finding("limits/long-pair", "This pair has 310 tokens.", Severity.WARNING, line=9)
NOTE = a_finding("created-by/other-name", "`created_by` says `bob`.", Severity.NOTICE, line=2)
CRASH = Crash(RuleId("pii"), Check.CONTRIBUTION, "TimeoutError")

PASSED = Verdict(())
FAILED = Verdict((TOO_FEW, LONG_ANSWER, NOTE))
CRASHED = Verdict((), (CRASH,))
CRASHED_BESIDE_A_FINDING = Verdict((TOO_FEW,), (CRASH,))
UNREADABLE = Verdict((), not_judged=frozenset(Check))
LEFT_OPEN = Verdict(
    (
        a_finding(
            "document-reached/not-verified",
            "Could not verify the document: its server did not answer in time.",
            Severity.NOTICE,
            path="knowledge/science/animals/birds/kingfisher/qna.yaml",
        ),
    )
)
UNSIGNED = Verdict(
    (replace(a_finding("dco/missing", "It is not signed off.", path=None, line=None), sha=SHA),),
    sign_off_rules=frozenset({"dco"}),
)
NOTED = Verdict(
    tuple(f.weighed(Severity.WARNING) for f in UNSIGNED.findings), sign_off_rules=UNSIGNED.sign_off_rules
)
ADVICE = SignOffAdvice(
    failing=(SHA,),
    remediation_texts=(
        RemediationText(
            "Ana Lee", (SHA,), "Sign off my commits", "I, Ana Lee <ana@example.org>, hereby add ...", False
        ),
    ),
    rebase_depth=1,
    made_in_web_editor=True,
    needs_new_author=False,
)
ADVICE_TO_SEVERAL = replace(
    ADVICE,
    remediation_texts=(
        *ADVICE.remediation_texts,
        RemediationText("Bob", (SHA,), "Sign off my commits", "I, Bob <YOUR_EMAIL>, hereby add ...", True),
    ),
    made_in_web_editor=False,
)
