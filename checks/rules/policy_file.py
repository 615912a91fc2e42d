"""A change to the community's own rules file must leave it usable."""

from __future__ import annotations

from collections.abc import Iterable

from checks.contribution import Contribution, text_of
from checks.findings import Cause, Finding, Severity
from checks.policy import POLICY_PATH, Policy, PolicyError, read_policy
from checks.registry import rule

UNUSABLE = Cause(
    "policy/unusable",
    "The rules file of this repository has a mistake",
    "A rules file with a mistake is not used at all; the last good one would stay in force.",
    "Correct the line named here. The list of all settings says what each one takes.",
)


@rule(
    "policy",
    title="The rules file can be used",
    why=UNUSABLE.why,
    order=20,
    causes=(UNUSABLE,),
    switchable=False,
)
def policy_file(contribution: Contribution, policy: Policy) -> Iterable[Finding]:
    """Return a finding for every mistake in a changed `.github/taxonomy-bot.yml`."""
    file = contribution.file(POLICY_PATH)
    if file is None:
        return
    text = text_of(file)
    if text is None:
        yield Finding(UNUSABLE, Severity.ERROR, "This file cannot be read as text.", file.path, 1, 1)
        return
    try:
        read_policy(text)
    except PolicyError as error:
        for problem in error.problems:
            message = f"{problem.message[0].upper()}{problem.message[1:]}."
            yield Finding(UNUSABLE, Severity.ERROR, message, file.path, problem.line, problem.column)
