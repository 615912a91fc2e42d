"""Whether a pull request may be merged, and if not, the shortest true answer to "why not yet"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from bot.labels import Label, is_contribution
from bot.store.approvals import Approval, ApprovalKind
from bot.workflow import State, Status
from checks.findings import Outcome
from checks.policy import Merging
from pipeline.evaluation_results import Verdict


class Who(StrEnum):
    """Who acts next, in words for a sentence."""

    AUTHOR = "the author"
    TRIAGER = "a triager"
    APPROVER = "an approver"
    MAINTAINER = "a maintainer"
    US = "the bot"
    HOLDER = "whoever held it up, or a triager"
    BOTH = "a triager, for both together"
    OTHERS = "whoever runs that check"
    NOBODY = "nobody"


MOST_NAMED = 5  # others for the same leaf, by number


@dataclass(frozen=True, slots=True)
class Rival:
    """Another open pull request for the same leaf. `is_decided` once it stands in nobody's way."""

    number: int
    author: str
    is_decided: bool
    leaf: str = ""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing between a pull request and its merge: what, in Markdown without contributor text, and who acts."""

    text: str
    who: Who
    for_now: bool = False  # it is not for "Merge readiness" to say: the check would keep GitHub from merging
    is_told: bool = False  # the living comment says it in full, not only who acts

    def written(self) -> str:
        """Return it as it is stored."""
        return f"{self.who.name}\t{'now' if self.for_now else 'lasting'}\t{self.text}"


def refused(stored: str) -> Obstacle | None:
    """Return why a merge was refused, as it was stored; None when nothing was."""
    if not stored:
        return None
    who, lasts, text = stored.split("\t", 2)
    return Obstacle(text, Who[who], for_now=lasts == "now", is_told=True)


@dataclass(frozen=True, slots=True)
class Case:
    """All that readiness depends on."""

    status: Status
    outcome: Outcome | None  # of our checks at the head; None while they have not run
    paths: tuple[str, ...]
    author_id: int
    content_digest: str
    merging: Merging
    approvals: tuple[Approval, ...] = ()  # that stand
    commit_authors: frozenset[str] = frozenset()  # logins, in lower case
    is_open: bool = True
    is_merged: bool = False
    is_draft: bool = False
    targets_default_branch: bool = True
    is_mergeable: bool | None = True  # None: GitHub is still working it out, and says so when asked to merge
    things_to_fix: int = 0
    evaluation: str | None = None  # the verdict of the newest one at the head; None: there is none
    rivals: tuple[Rival, ...] = ()
    refusal: Obstacle | None = None  # why the last try to merge this head came to nothing

    @property
    def has_contribution(self) -> bool:
        """True when it teaches the model something."""
        return any(is_contribution(path) for path in self.paths)

    @property
    def has_other(self) -> bool:
        """True when it changes anything besides contributions."""
        return any(not is_contribution(path) for path in self.paths)

    def approved_by(self, kind: ApprovalKind) -> frozenset[int]:
        """Return the ids of those who stand behind this content; nobody approves what is the own work."""
        return frozenset(
            a.actor_id
            for a in self.approvals
            if a.kind is kind
            and a.content_digest == self.content_digest
            and a.actor_id != self.author_id
            and (kind is ApprovalKind.TRIAGE or a.actor.lower() not in self.commit_authors)
        )


@dataclass(frozen=True, slots=True)
class Readiness:
    """What stands between a pull request and its merge, the most telling first."""

    obstacles: tuple[Obstacle, ...] = field(default=())

    @property
    def is_ready(self) -> bool:
        """True when nothing is missing on our side: what is there only for now is GitHub's or an approver's."""
        return all(obstacle.for_now for obstacle in self.obstacles)

    @property
    def why(self) -> str:
        """The shortest true answer to "why not yet", with who acts next."""
        if not self.obstacles:
            return "Nothing is missing: it is merged next."
        first = self.obstacles[0]
        return first.text if first.who is Who.NOBODY else f"{first.text} Next: {first.who}."


def readiness(case: Case) -> Readiness:
    """Return what is missing. What cannot be known yet counts as missing."""
    return Readiness(tuple(_obstacles(case)))


def _obstacles(case: Case) -> Iterator[Obstacle]:
    if case.is_merged:
        yield Obstacle("It is merged.", Who.NOBODY)
    elif not case.is_open:
        yield Obstacle("It is closed.", Who.NOBODY)
    else:
        yield from _of_open(case)


def _of_open(case: Case) -> Iterator[Obstacle]:
    if case.status.state is State.REJECTED:
        yield Obstacle("Triage cannot accept it; it is to be closed.", Who.APPROVER)
    yield from _of_checks(case)
    if case.is_draft:
        yield Obstacle("It is a draft.", Who.AUTHOR)
    if not case.targets_default_branch:
        yield Obstacle("It is not for the branch that models are built from, so I never merge it.", Who.AUTHOR)
    yield from _of_review(case)
    if case.has_contribution and case.outcome is Outcome.PASSED:
        yield from _of_evaluation(case)
    yield from _of_approvals(case)
    yield from _of_rivals(case)
    if case.is_mergeable is False:
        text = "It conflicts with the branch it is for: bring your branch up to date and resolve that."
        yield Obstacle(text, Who.AUTHOR, is_told=True)
    if case.refusal:
        yield case.refusal
    elif not case.merging.automatic:
        yield Obstacle("It is merged when an approver asks for it: `/merge`.", Who.APPROVER, for_now=True)


def _of_checks(case: Case) -> Iterator[Obstacle]:
    if case.outcome is None:
        yield Obstacle("The checks have not run on the newest commit yet.", Who.US)
    elif case.outcome is Outcome.FAILED:
        count = f"{case.things_to_fix} thing{'' if case.things_to_fix == 1 else 's'} to fix"
        yield Obstacle(f"The checks fail: {count}.", Who.AUTHOR)
    elif case.outcome is Outcome.UNVERIFIED:
        yield Obstacle("The checks could not be run in full: that is our fault, not the author's.", Who.US)


def _of_review(case: Case) -> Iterator[Obstacle]:
    state, flags = case.status.state, case.status.flags
    if Label.LEGAL_HOLD in flags:
        yield Obstacle("Its licence or source has to be looked at (`legal-hold`).", Who.MAINTAINER)
    if Label.HOLD in flags:
        yield Obstacle("It is held up by hand (`hold`); `/unhold` lifts that.", Who.HOLDER)
    if state is State.CHANGES_REQUESTED and case.outcome is not Outcome.FAILED:
        yield Obstacle("A triager has asked for a change.", Who.AUTHOR)
    elif not case.has_contribution or state in (State.APPROVED, State.REJECTED, State.CHANGES_REQUESTED):
        return  # what does not teach the model needs no triage
    elif state is State.UNCERTAIN:
        yield Obstacle("The triage team talks it over.", Who.TRIAGER)
    elif state is State.FOLLOW_UP:
        yield Obstacle("A triager has to look at it again.", Who.TRIAGER)
    elif case.outcome is Outcome.PASSED and not case.is_draft:
        yield Obstacle("Triage has not signed it off yet.", Who.TRIAGER)


def _of_evaluation(case: Case) -> Iterator[Obstacle]:
    if not case.merging.needs_evaluation:
        return
    if case.evaluation is None:
        yield Obstacle("It has not been evaluated yet: `/evaluate` does.", Who.TRIAGER)
    elif case.evaluation == Verdict.REGRESSED.value:
        yield Obstacle("The evaluation finds the model worse with it.", Who.APPROVER)


def _of_approvals(case: Case) -> Iterator[Obstacle]:
    if case.has_contribution:
        approvers = case.approved_by(ApprovalKind.APPROVE)
        if case.merging.different_people and approvers <= case.approved_by(ApprovalKind.TRIAGE) and approvers:
            yield Obstacle("Who signed off triage and who approves must be two people.", Who.APPROVER)
        elif (missing := case.merging.approvals - len(approvers)) > 0:
            whose = "an approver" if missing == 1 else f"{missing} more approvers"
            yield Obstacle(f"It needs the approval of {whose} (`/approve`).", Who.APPROVER)
    if case.has_other or not case.paths:
        missing = case.merging.lgtms - len(case.approved_by(ApprovalKind.LGTM))
        if missing > 0:
            what = "It also changes" if case.has_contribution else "It changes"
            whose = "one more maintainer" if missing == 1 else f"{missing} maintainers"
            yield Obstacle(f"{what} files that are no contribution: that needs `/lgtm` of {whose}.", Who.MAINTAINER)


def _of_rivals(case: Case) -> Iterator[Obstacle]:
    undecided = [rival for rival in case.rivals if not rival.is_decided]
    if undecided and case.has_contribution:
        others = " and ".join(f"#{rival.number}" for rival in undecided[:MOST_NAMED])
        yield Obstacle(
            f"{others} {'is' if len(undecided) == 1 else 'are'} for the same leaf and not decided yet: "
            "the same leaf gets one decision.",
            Who.BOTH,
        )
