"""The sign-off rule: who has signed off, who need not, and what makes up for it afterwards."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.contribution import Commit, Contribution, Identity, Login, Sha, read_contribution
from checks.findings import Check, Severity
from checks.policy import Dco, Policy
from checks.registry import get_rule
from checks.rules.dco import advice, failing_commits
from checks.run import judge
from tests.checks.contributions import causes, findings_of

ANA = Identity("Ana Heron", "ana@heron.dev")
BEN = Identity("Ben Wren", "ben@wren.dev")
GITHUB = Identity("GitHub", "noreply@github.com")
ANA_NOREPLY = Identity("Ana Heron", "1234+ana@users.noreply.github.com")


def sha(number: int) -> Sha:
    return Sha(f"{number:040x}")


def signed(who: Identity = ANA) -> str:
    return f"Signed-off-by: {who.name} <{who.email}>"


def a_commit(
    message: str = "Add a leaf",
    number: int = 1,
    *,
    author: Identity = ANA,
    committer: Identity | None = None,
    **facts: Any,
) -> Commit:
    parents = facts.pop("parents", (sha(number - 1),))
    return Commit(sha(number), message, author, committer or author, parents, **facts)


def of(*commits: Commit) -> Contribution:
    return read_contribution((), commits=commits)


def with_dco(**switches: Any) -> Policy:
    return Policy(dco=Dco(**switches))


def sentence(target: Commit, who: Identity = ANA) -> str:
    return f"I, {who.name} <{who.email}>, hereby add my Signed-off-by to this commit: {target.sha}"


def on_behalf(target: Commit, of_whom: Identity, who: Identity) -> str:
    return f"On behalf of {of_whom.name} <{of_whom.email}>, {sentence(target, who)}"


PASSING = {
    "the author signs off": a_commit(f"Add a leaf\n\n{signed()}"),
    "the keyword is in capitals": a_commit(f"Add a leaf\n\nSIGNED-OFF-BY: {ANA.name} <{ANA.email}>"),
    "blanks trail": a_commit(f"Add a leaf\n\n{signed()} \t "),
    "lines end as on Windows": a_commit(f"Add a leaf\r\n\r\n{signed()}\r\n"),
    "name and e-mail are in another case": a_commit("Add\n\nSigned-off-by: ANA HERON <Ana@Heron.Dev>"),
    "the committer signs off": a_commit(f"Add\n\n{signed(BEN)}", committer=BEN),
    "name of the author, e-mail of the committer": a_commit(
        f"Add\n\nSigned-off-by: {ANA.name} <{BEN.email}>", committer=BEN
    ),
    "one of several sign-offs is right": a_commit(f"Add\n\n{signed(BEN)}\nBody\n{signed()}"),
    "the message is nothing but the sign-off": a_commit(signed()),
    "it is a merge": a_commit("Merge main", parents=(sha(8), sha(9))),
    "made in the web editor with a private address": a_commit(
        f"Add\n\n{signed(ANA_NOREPLY)}", author=ANA_NOREPLY, committer=GITHUB, verified=True
    ),
}


@pytest.mark.parametrize("commit", PASSING.values(), ids=PASSING)
def test_a_signed_off_commit_passes(commit: Commit) -> None:
    assert findings_of("dco", of(commit)) == []


FAILING = {
    "no sign-off": (a_commit(), "dco/missing"),
    "an empty message": (a_commit(""), "dco/missing"),
    "in the middle of the title": (a_commit(f"Add a leaf {signed()}"), "dco/on-subject-line"),
    "in the middle of a later line": (a_commit(f"Add\n\nthis is {signed()}"), "dco/malformed"),
    "an indented line": (a_commit(f"Add\n\n  {signed()}"), "dco/malformed"),
    "without the colon": (a_commit("Add\n\nSigned-off-by Ana Heron <ana@heron.dev>"), "dco/malformed"),
    "without brackets": (a_commit("Add\n\nSigned-off-by: Ana Heron ana@heron.dev"), "dco/malformed"),
    "another name": (a_commit(f"Add\n\nSigned-off-by: Ana <{ANA.email}>"), "dco/name-differs"),
    "another e-mail": (a_commit(f"Add\n\nSigned-off-by: {ANA.name} <a@b.org>"), "dco/email-differs"),
    "somebody else": (a_commit(f"Add\n\n{signed(BEN)}"), "dco/someone-else"),
    "an author without an e-mail": (
        a_commit("Add\n\nSigned-off-by: Ana Heron <ana at heron>", author=Identity("Ana Heron", "ana at heron")),
        "dco/invalid-email",
    ),
    "a forged bot": (
        a_commit("Bump", author=Identity("dependabot[bot]", "bot@users.noreply.github.com")),
        "dco/missing",
    ),
}


@pytest.mark.parametrize(("commit", "cause"), FAILING.values(), ids=FAILING)
def test_a_commit_that_is_not_signed_off_fails(commit: Commit, cause: str) -> None:
    "The kind of failure is told, with the commit, and without any e-mail address."
    [finding] = findings_of("dco", of(commit))

    assert finding.cause.id == cause
    assert finding.severity is Severity.ERROR
    assert finding.sha == commit.sha
    assert finding.path is None
    assert commit.sha[:7] in finding.message
    assert_no_email(finding)


def assert_no_email(thing: Any) -> None:
    for field in fields(thing):
        assert "@heron" not in str(getattr(thing, field.name))
        assert "@wren" not in str(getattr(thing, field.name))


def test_without_commits_the_rule_is_silent() -> None:
    assert findings_of("dco", read_contribution(())) == []


def test_the_policy_can_do_without_sign_offs() -> None:
    assert findings_of("dco", of(a_commit()), with_dco(enabled=False)) == []


def test_it_is_reported_under_the_sign_off_check() -> None:
    verdict = judge(of(a_commit()), Policy(), [get_rule("dco")])

    assert causes(verdict.of(Check.SIGN_OFF)) == ["dco/missing"]


BOT = Identity("leafbot[bot]", "7+leafbot[bot]@users.noreply.github.com")
BOT_CASES = {
    "listed and verified": (True, "LeafBot[bot]", BOT, True),
    "listed, not verified": (False, "leafbot[bot]", BOT, False),
    "verified, not listed": (True, "otherbot[bot]", BOT, False),
    "listed, signed by somebody else's key": (True, "leafbot[bot]", BEN, False),
    "listed, committed by GitHub": (True, "leafbot[bot]", GITHUB, True),
}


@pytest.mark.parametrize(("verified", "listed", "committer", "passes"), BOT_CASES.values(), ids=BOT_CASES)
def test_bots_are_exempt_by_list_and_signature_only(
    verified: bool, listed: str, committer: Identity, passes: bool
) -> None:
    "An author is easily forged; a verified signature proves only its committer."
    commit = a_commit(
        author=BOT,
        committer=committer,
        verified=verified,
        author_login=Login("leafbot[bot]"),
    )

    assert (findings_of("dco", of(commit), with_dco(exempt_bots=(listed,))) == []) is passes


MEMBER_CASES = {
    "verified, and the policy exempts": (True, True, []),
    "verified, but the policy does not": (True, False, ["dco/missing"]),
    "not verified": (False, True, ["dco/unverified-member"]),
}


@pytest.mark.parametrize(("verified", "exempt", "expected"), MEMBER_CASES.values(), ids=MEMBER_CASES)
def test_members_are_exempt_by_policy_and_signature_only(verified: bool, exempt: bool, expected: list[str]) -> None:
    commit = a_commit(verified=verified, author_is_member=True)

    assert causes(findings_of("dco", of(commit), with_dco(exempt_members=exempt))) == expected


FIRST = a_commit("Add a leaf", 1)
REMEDIES = {
    "by the author": (a_commit(f"Remedy\n\n{sentence(FIRST)}\n\n{signed()}", 2), {}, True),
    "with the sha in capitals": (
        a_commit(f"Remedy\n\n{sentence(FIRST).replace(FIRST.sha, FIRST.sha.upper())}\n\n{signed()}", 2),
        {},
        True,
    ),
    "switched off": (
        a_commit(f"Remedy\n\n{sentence(FIRST)}\n\n{signed()}", 2),
        {"individual_remediation": False},
        False,
    ),
    "not signed off itself": (a_commit(f"Remedy\n\n{sentence(FIRST)}", 2), {}, False),
    "with a short sha": (a_commit(f"Remedy\n\n{sentence(FIRST)[:-30]}\n\n{signed()}", 2), {}, False),
    "by somebody else in their own name": (
        a_commit(f"Remedy\n\n{sentence(FIRST, BEN)}\n\n{signed(BEN)}", 2, author=BEN),
        {},
        False,
    ),
    "by somebody else in the author's name": (
        a_commit(f"Remedy\n\n{sentence(FIRST)}\n\n{signed(BEN)}", 2, author=BEN),
        {},
        False,
    ),
    "on the author's behalf": (
        a_commit(f"Remedy\n\n{on_behalf(FIRST, ANA, BEN)}\n\n{signed(BEN)}", 2, author=BEN),
        {},
        False,
    ),
    "on the author's behalf where that is taken": (
        a_commit(f"Remedy\n\n{on_behalf(FIRST, ANA, BEN)}\n\n{signed(BEN)}", 2, author=BEN),
        {"third_party_remediation": True},
        True,
    ),
    "on behalf of somebody who is not the author": (
        a_commit(f"Remedy\n\n{on_behalf(FIRST, BEN, BEN)}\n\n{signed(BEN)}", 2, author=BEN),
        {"third_party_remediation": True},
        False,
    ),
}


@pytest.mark.parametrize(("remedy", "switches", "counts"), REMEDIES.values(), ids=REMEDIES)
def test_a_later_commit_may_sign_off_an_earlier_one(
    remedy: Commit, switches: dict[str, bool], counts: bool
) -> None:
    failing = failing_commits(of(FIRST, remedy), with_dco(**switches))

    assert (FIRST not in failing) is counts


def test_a_remedy_comes_after_what_it_remedies() -> None:
    early = a_commit(f"Remedy\n\n{sentence(FIRST)}\n\n{signed()}", 2)

    [finding] = findings_of("dco", of(early, FIRST))

    assert "has to come after" in finding.message


def test_a_remedy_that_does_not_count_is_explained() -> None:
    remedy = a_commit(f"Remedy\n\n{sentence(FIRST)}", 2)

    findings = findings_of("dco", of(FIRST, remedy))

    assert "is not signed off itself" in findings[0].message


def test_the_advice_covers_all_failing_commits_at_once() -> None:
    "One text for all commits, N up to the oldest, and no address repeated in public."
    commits = (
        a_commit(f"One\n\n{signed()}", 1),
        a_commit("Two", 2),
        a_commit(f"Three\n\n{signed()}", 3),
        a_commit("Four", 4),
    )

    found = advice(of(*commits), Policy())

    assert found is not None
    [text] = found.remediation_texts
    assert text.description.splitlines() == [
        f"I, Ana Heron <YOUR EMAIL>, hereby add my Signed-off-by to this commit: {sha(2)}",
        f"I, Ana Heron <YOUR EMAIL>, hereby add my Signed-off-by to this commit: {sha(4)}",
        "",
        "Signed-off-by: Ana Heron <YOUR EMAIL>",
    ]
    assert text.hides_email
    assert found.git_commands == ("git rebase HEAD~3 --signoff", "git push --force-with-lease")
    assert not found.made_in_web_editor
    assert_no_email(text)


def test_the_advice_works_when_followed() -> None:
    "Pasting the text, with the own e-mail filled in, makes the check pass."
    failing = a_commit("Add", 1, author=ANA_NOREPLY, committer=GITHUB)
    found = advice(of(failing), Policy())
    assert found is not None
    assert found.made_in_web_editor

    [text] = found.remediation_texts
    remedy = a_commit(f"{text.title}\n\n{text.description}", 2, author=ANA_NOREPLY, committer=GITHUB)

    assert ANA_NOREPLY.email in text.description
    assert findings_of("dco", of(failing, remedy)) == []


def test_the_advice_for_several_authors_is_a_text_for_each() -> None:
    found = advice(of(a_commit("One", 1), a_commit("Two", 2, author=BEN)), Policy())

    assert found is not None
    assert [text.author_name for text in found.remediation_texts] == ["Ana Heron", "Ben Wren"]


def test_without_remediation_the_advice_is_git_alone() -> None:
    found = advice(of(a_commit()), with_dco(individual_remediation=False))

    assert found is not None
    assert found.remediation_texts == ()


def test_a_commit_without_an_email_needs_a_new_author() -> None:
    found = advice(of(a_commit(author=Identity("Ana Heron", "nobody"))), Policy())

    assert found is not None
    assert found.needs_new_author
    assert found.remediation_texts == ()
    assert "--reset-author" in found.git_commands[1]


def test_no_advice_is_given_when_all_is_well() -> None:
    assert advice(of(a_commit(signed())), Policy()) is None


DEPTHS = {
    "a merge on the way": (
        (a_commit("One", 1), a_commit("Merge main", 2, parents=(sha(1), sha(99))), a_commit(signed(), 3)),
        3,
    ),
    "parents not known": ((a_commit("One", 1, parents=()), a_commit(signed(), 2, parents=())), 2),
    "a failing commit on a merged side branch": (
        (
            a_commit(signed(), 1),
            a_commit("Side", 2, parents=(sha(0),)),
            a_commit("Merge", 3, parents=(sha(1), sha(2))),
        ),
        2,
    ),
}


@pytest.mark.parametrize(("commits", "depth"), DEPTHS.values(), ids=DEPTHS)
def test_the_rebase_goes_far_enough(commits: tuple[Commit, ...], depth: int) -> None:
    found = advice(of(*commits), Policy())

    assert found is not None
    assert found.rebase_depth == depth


def test_thousands_of_commits_are_judged_in_full() -> None:
    "Nothing is cut off at 250: the one without a sign-off is found among 5,000."
    commits = [a_commit(f"Add\n\n{signed()}", n) for n in range(1, 5001)]
    commits[4200] = a_commit("Add", 4201)

    assert [c.sha for c in failing_commits(of(*commits), Policy())] == [sha(4201)]


def test_a_name_that_is_an_address_is_not_repeated() -> None:
    author = Identity("ana@heron.dev", "ana@heron.dev")
    contribution = of(a_commit(f"Add\n\n{signed(BEN)}", author=author))

    [finding] = findings_of("dco", contribution)
    found = advice(contribution, Policy())

    assert found is not None
    assert_no_email(finding)
    assert_no_email(found.remediation_texts[0])


@settings(max_examples=60, deadline=None)
@given(message=st.text(max_size=300), name=st.text(max_size=40), email=st.text(max_size=40))
def test_no_message_and_no_identity_crashes_it(message: str, name: str, email: str) -> None:
    contribution = of(a_commit(f"{message}\n{signed(Identity(name, email))}", author=Identity(name, email)))

    assert bool(findings_of("dco", contribution)) == (advice(contribution, Policy()) is not None)
