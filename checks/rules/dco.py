"""Every commit is signed off by its author: the Developer Certificate of Origin, and how to make up for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from checks import sign_offs
from checks.contribution import Commit, Contribution, Identity
from checks.findings import Cause, Check, Finding, Severity
from checks.policy import Dco, Policy
from checks.quoting import quoted
from checks.registry import rule
from checks.sign_off_advice import RemediationText, SignOffAdvice, build_advice

__all__ = ["RemediationText", "SignOffAdvice", "advice", "dco", "failing_commits"]

_WHY = (
    "With the sign-off you confirm, under the Developer Certificate of Origin, that you may give this text to the "
    "project. Without it the text cannot be accepted."
)
_REMEDY = (
    "Add one more commit whose description holds the ready-made text of this report. Do this last, after your "
    "other fixes; you need not redo anything. On GitHub, open attribution.txt (or another text file of yours) with "
    "the pencil button, add a blank line at its end, and commit to the same branch with that text. If you "
    "work with git instead: git rebase --signoff, then git push --force-with-lease."
)
_MATCH_REMEDY = (
    _REMEDY
    + " The line must read Signed-off-by: NAME <E-MAIL>, with the name and the e-mail the commit was made with."
)

MISSING = Cause("dco/missing", "A commit is not signed off", _WHY, _REMEDY)
ON_SUBJECT = Cause(
    "dco/on-subject-line",
    "A sign-off stands in the title of the commit",
    _WHY + " It counts only when it begins a line of its own.",
    _REMEDY
    + " Next time, in GitHub's web editor, leave the sign-off out of the upper box (the title) and write it "
    "into the lower box (the description), on a line of its own.",
)
MALFORMED = Cause(
    "dco/malformed",
    "A sign-off is there, but not in the form that counts",
    _WHY,
    _REMEDY + ' It must be a line of its own that begins with "Signed-off-by: " (with the colon), then the name, '
    "then the e-mail between < and >.",
)
NAME_DIFFERS = Cause("dco/name-differs", "A sign-off has another name than its commit", _WHY, _MATCH_REMEDY)
EMAIL_DIFFERS = Cause("dco/email-differs", "A sign-off has another e-mail than its commit", _WHY, _MATCH_REMEDY)
SOMEONE_ELSE = Cause(
    "dco/someone-else", "A sign-off has another name and another e-mail than its commit", _WHY, _MATCH_REMEDY
)
INVALID_EMAIL = Cause(
    "dco/invalid-email",
    "A commit has no valid e-mail address",
    _WHY + " For that, the commit must say who you are.",
    "Tell git your e-mail address, then make the commit anew. For the first: git config --global user.email, with "
    "any address of your GitHub account (GitHub offers a private one under Settings, Emails). For the second: git "
    "commit --amend --reset-author --signoff, then git push --force-with-lease. "
    "In GitHub's web editor, choose an e-mail under the commit message.",
)
UNVERIFIED_MEMBER = Cause(
    "dco/unverified-member",
    "A member's commit is neither signed off nor verified",
    _WHY + " Members may leave the sign-off out only where a verified signature shows that the commit is theirs.",
    "Sign your commits (git commit -S), or sign them off. " + _REMEDY,
)


@rule(
    "dco",
    title="Every commit is signed off by its author",
    why=_WHY,
    check=Check.SIGN_OFF,
    order=10,
    causes=(
        MISSING,
        ON_SUBJECT,
        MALFORMED,
        NAME_DIFFERS,
        EMAIL_DIFFERS,
        SOMEONE_ELSE,
        INVALID_EMAIL,
        UNVERIFIED_MEMBER,
    ),
)
def dco(contribution: Contribution, policy: Policy) -> Iterable[Finding]:
    """Return a finding for each commit that is neither signed off, nor exempt, nor signed off afterwards."""
    commits = contribution.commits or ()
    attempts = _attempts(commits)
    for commit in failing_commits(contribution, policy):
        yield _finding(commit, attempts.get(commit.sha, ()), policy.dco)


def failing_commits(contribution: Contribution, policy: Policy) -> tuple[Commit, ...]:
    """Return the commits that fail, oldest first; none when the policy asks for no sign-off."""
    if contribution.commits is None or not policy.dco.enabled:
        return ()
    failing = tuple(c for c in contribution.commits if not _passes(c, policy.dco))
    if not failing:
        return ()
    remedied = _remedied(contribution.commits, policy.dco)
    return tuple(c for c in failing if c.sha not in remedied or not sign_offs.has_email(c))


def advice(contribution: Contribution, policy: Policy) -> SignOffAdvice | None:
    """Return how to put all failing commits right, or None when none fails."""
    failing = failing_commits(contribution, policy)
    if not failing:
        return None
    return build_advice(contribution.commits or (), failing, policy.dco.individual_remediation)


def _passes(commit: Commit, dco_policy: Dco) -> bool:
    if commit.is_merge or _is_exempt(commit, dco_policy):
        return True
    return sign_offs.has_email(commit) and sign_offs.is_signed_off(commit)


def _is_exempt(commit: Commit, dco_policy: Dco) -> bool:
    if not sign_offs.is_vouched_for(commit):
        return False
    if dco_policy.exempt_members and commit.author_is_member:
        return True
    login = (commit.author_login or "").lower()
    return bool(login) and login in {bot.lower() for bot in dco_policy.exempt_bots}


def _remedied(commits: Sequence[Commit], dco_policy: Dco) -> set[str]:
    """Return the commits that a later commit of the right person signs off, in the forms the policy takes."""
    earlier: dict[str, Commit] = {}
    remedied: set[str] = set()
    for commit in commits:
        if not commit.is_merge and sign_offs.has_email(commit) and sign_offs.is_signed_off(commit):
            for sentence in sign_offs.remediations(commit.message):
                target = earlier.get(sentence.sha)
                if target is not None and _counts(sentence, commit, target, dco_policy):
                    remedied.add(target.sha)
        earlier[commit.sha.lower()] = commit
    return remedied


def _counts(sentence: sign_offs.Remediation, by: Commit, target: Commit, dco_policy: Dco) -> bool:
    taken = dco_policy.third_party_remediation if sentence.third_party else dco_policy.individual_remediation
    return (
        taken
        and sign_offs.same_person(sentence.signer, by.author)
        and sign_offs.same_person(sentence.author, target.author)
    )


_Attempt = tuple[sign_offs.Remediation, Commit]


def _attempts(commits: Sequence[Commit]) -> dict[str, list[_Attempt]]:
    """Return every remediation sentence by the commit it means, whether it counts or not."""
    found: dict[str, list[_Attempt]] = {}
    for commit in commits:
        for sentence in sign_offs.remediations(commit.message):
            found.setdefault(sentence.sha, []).append((sentence, commit))
    return found


def _finding(commit: Commit, attempts: Sequence[_Attempt], dco_policy: Dco) -> Finding:
    cause, what = _diagnosis(commit, dco_policy)
    message = f"Commit {commit.sha[:7]} ({quoted(commit.subject, 40)}) {what}"
    if attempts and cause is not INVALID_EMAIL:
        message += f" {_why_not_remedied(commit, *attempts[-1], dco_policy)}"
    return Finding(cause, Severity.ERROR, message, sha=commit.sha)


def _diagnosis(commit: Commit, dco_policy: Dco) -> tuple[Cause, str]:
    """Return the kind of failure and the rest of the sentence that begins with the commit."""
    if not sign_offs.has_email(commit):
        return INVALID_EMAIL, "has no valid e-mail address."
    signers = sign_offs.sign_offs(commit.message)
    if signers:
        return _mismatch(commit, signers)
    if sign_offs.attempted_on_subject(commit):
        return ON_SUBJECT, "has its sign-off in the title, where it does not count."
    if sign_offs.attempted(commit):
        return MALFORMED, "has a sign-off, but not as a line of the form Signed-off-by: NAME <E-MAIL>."
    if dco_policy.exempt_members and commit.author_is_member:
        return UNVERIFIED_MEMBER, "is a member's, has no sign-off, and no verified signature shows whose it is."
    return MISSING, "has no sign-off line."


def _mismatch(commit: Commit, signers: Sequence[Identity]) -> tuple[Cause, str]:
    for who in signers:
        if sign_offs.names_match(who, commit):
            return (
                EMAIL_DIFFERS,
                "is signed off with the right name, but with another e-mail than the commit's own.",
            )
    made_by = quoted(commit.author.name, 40)
    for who in signers:
        if sign_offs.emails_match(who, commit):
            said = quoted(who.name, 40)
            return NAME_DIFFERS, f"is signed off by {said}, but the commit was made under the name {made_by}."
    said = quoted(signers[-1].name, 40)
    return SOMEONE_ELSE, f"is signed off by {said} with another e-mail; the commit was made by {made_by}."


def _why_not_remedied(commit: Commit, sentence: sign_offs.Remediation, by: Commit, dco_policy: Dco) -> str:
    start = f"Commit {by.sha[:7]} tries to make up for it, but"
    if sentence.third_party and not dco_policy.third_party_remediation:
        return f"{start} this project takes such a text from the author only."
    if not sentence.third_party and not dco_policy.individual_remediation:
        return f"{start} this project does not take sign-offs after the fact."
    if not sign_offs.is_signed_off(by):
        return f"{start} is not signed off itself."
    if not sign_offs.same_person(sentence.signer, by.author):
        return f"{start} its text gives another name or e-mail than that commit's author has."
    if not sign_offs.same_person(sentence.author, commit.author):
        return f"{start} its text gives another name or e-mail than this commit's author has."
    return f"{start} it has to come after this commit."
