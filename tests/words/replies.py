"""What every command answers, refusals included: one file a command."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bot.commands.parsing import WrittenCommand
from bot.commands.registry import Command, RefusedError, all_commands
from bot.commands.situation import Say, Situation
from bot.events import Account, Origin
from bot.job_prospects import Prospects
from bot.job_views import NO_WORKER
from bot.jobs import OF_PULLS, JobKind, JobState
from bot.labels import WORKFLOW_LABELS, Label
from bot.orders import Order, github_refuses, moved, not_allowed, nothing_to_cancel, unknown
from bot.readiness import Rival
from bot.ready_texts import REQUESTS, TOPICS
from bot.roles import Role
from bot.workflow import State
from checks.contribution import Login
from checks.findings import Outcome
from checks.policy import Policy
from tests.bot.situations import (
    NOW,
    OLDER_SHA,
    SHA,
    a_case,
    a_job,
    a_situation,
    a_status,
    an_approved_case,
)
from tests.words.jobs import FILES, HALF_DONE, HOURS, SOON, a_precheck

CANCELLING = Order(
    Origin(1, "instruct/taxonomy", 1),
    12,
    Account(Login("tess"), 7),
    WrittenCommand("triage-approve", "cancel", 1),
    "comment:77:1",
    datetime(2026, 1, 5, tzinfo=UTC),
)
SILENCE = "(a thumb up, no word)"


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody writes a command in a situation; `phrase` says which."""

    phrase: str
    arguments: str
    situation: Situation


def words() -> Iterator[tuple[str, str]]:
    "Yield each command's name and all that it answers."
    told = asked()
    for name, known in all_commands().items():
        parts = [f"# /{name}"]
        for case in (*_by_others(known), *told.get(name, ())):
            line = f"/{name} {case.arguments}".rstrip()
            parts.append(f"## {case.phrase}\n\n{_quoted(line)}\n\n{answer(known, case.situation, case.arguments)}")
        yield f"commands/{name}", "\n\n".join(parts)
    yield "commands-in-general/nothing-to-cancel", nothing_to_cancel(CANCELLING, all_commands()["triage-approve"])
    yield "commands-in-general/refused-by-github", github_refuses("Validation Failed")
    yield "commands-in-general/unknown", unknown("dance")
    yield "commands-in-general/mistyped", unknown("aprove")
    yield "commands-in-general/moved-while-writing", moved("", OLDER_SHA, SHA)
    yield "commands-in-general/moved-since-the-commit-named", moved(OLDER_SHA[:7], None, SHA)


def answer(known: Command, situation: Situation, arguments: str) -> str:
    "What the bot replies to a command."
    refusal = not_allowed(known, situation)
    try:
        effects = () if refusal else known.decide(situation, arguments)
    except RefusedError as error:
        refusal = str(error)
    said = [refusal] if refusal else [effect.text for effect in effects if isinstance(effect, Say)]
    return f"`/{known.name}`: {refusal}" if refusal else "\n\n".join(said) or SILENCE


def _quoted(line: str) -> str:
    return f"    {line if len(line) <= 80 else line[:77] + '...'}"


def _by_others(known: Command) -> Iterator[Asked]:
    "Those who may not, from the least role up."
    for role, actor in ((Role.OUTSIDER, "mallory"), (Role.TRIAGER, "tess"), (Role.APPROVER, "apo")):
        if role < known.who:
            yield Asked(f"refused: {role.noun} who is not the author", "", a_situation(actor, role))


def by(role: Role, case: Any = None, **changes: Any) -> Situation:
    "Somebody of this role, never the author, meets the pull request."
    actor = {Role.OUTSIDER: "mallory", Role.TRIAGER: "tess", Role.APPROVER: "apo", Role.MAINTAINER: "max"}[role]
    return a_situation(actor, role, case, **changes)


def by_author(role: Role = Role.OUTSIDER, case: Any = None, **changes: Any) -> Situation:
    return a_situation("ana", role, case, **changes)


def asked() -> dict[str, tuple[Asked, ...]]:
    "The situations of each command."
    return {
        **_judging(),
        **_restraining(),
        **_speaking(),
        **_computing(),
        **_arranging(),
        "batch": _batches(),
    }


FAILING = a_case(status=a_status(State.NOT_READY), outcome=Outcome.FAILED, things_to_fix=1)
UNJUDGED = a_case(status=a_status(State.NEW), outcome=None)
CLOSED = a_case(is_open=False)
OTHER_FILES = a_case(paths=("README.md",))
UNREAD = a_case(outcome=Outcome.FAILED, content_digest="")
OWN = frozenset({"apo", "max"})
FAILS = ("limits/long-context",)


def _judging() -> dict[str, tuple[Asked, ...]]:
    triager, approver, maintainer = Role.TRIAGER, Role.APPROVER, Role.MAINTAINER
    return {
        "triage-approve": (
            Asked("a triager is satisfied", "", by(triager)),
            Asked("refused: the checks fail", "", by(triager, FAILING)),
            Asked("refused: the author is a triager", "", by_author(triager)),
            Asked("the same by label", "", by(triager, label_set=True)),
        ),
        "request-changes": (
            Asked("with words", "please name your source", by(triager)),
            Asked("without words", "", by(triager)),
            *(Asked(f"in ready words: {name}", name, by(triager)) for name in REQUESTS),
            Asked("with a sentence before the ready words", "no-attribution Nice ducks, @ana!", by(triager)),
            Asked("by label", "", by(triager, label_set=True)),
        ),
        "uncertain": (Asked("a triager asks the team", "is this covered already?", by(triager)),),
        "reject": (
            Asked("with a reason", "the model knows this already", by(triager)),
            Asked("refused: no reason", "", by(triager)),
            Asked("by label", "", by(triager, label_set=True)),
        ),
        "topic": (
            *(Asked(topic, topic, by(triager)) for topic in TOPICS),
            Asked("with a sentence of one's own", "humour Your limericks made *me* smile, @ana!", by(triager)),
            Asked("refused: an unknown topic", "weather", by(triager)),
            Asked("refused: no topic", "", by(triager)),
            Asked("by label", "", by(triager, label_set=True)),
        ),
        "approve": (
            Asked("an approver approves", "", by(approver)),
            Asked("taken back", "cancel", by(approver)),
            Asked("refused: the author is an approver", "", by_author(approver)),
            Asked("refused: the approver has commits in it", "", by(approver, a_case(commit_authors=OWN))),
            Asked("refused: closed", "", by(approver, CLOSED)),
            Asked("refused: the checks fail", "", by(approver, FAILING)),
            Asked("refused: no contribution", "", by(approver, OTHER_FILES)),
        ),
        "lgtm": (
            Asked("a maintainer approves", "", by(maintainer, OTHER_FILES)),
            Asked("taken back", "cancel", by(maintainer, OTHER_FILES)),
            Asked("refused: the author is a maintainer", "", by_author(maintainer, OTHER_FILES)),
            Asked(
                "refused: the maintainer has commits in it",
                "",
                by(maintainer, a_case(paths=("README.md",), commit_authors=OWN)),
            ),
            Asked("refused: closed", "", by(maintainer, a_case(paths=("README.md",), is_open=False))),
            Asked("refused: not judged yet", "", by(maintainer, a_case(paths=("README.md",), outcome=None))),
            Asked("refused: a contribution only", "", by(maintainer)),
        ),
        "build-ready": (
            Asked("an approver finds the numbers fine", "", by(approver)),
            Asked("taken back", "cancel", by(approver)),
            Asked("refused: the checks fail", "", by(approver, FAILING)),
            Asked("refused: no contribution", "", by(approver, OTHER_FILES)),
        ),
        "merge": (
            Asked("nothing is missing", "", by(approver, an_approved_case())),
            Asked("refused: something is missing", "", by(approver)),
            Asked("refused: more words", "now please", by(approver, an_approved_case())),
        ),
        "override": (
            Asked("with a reason", "limits because it is one table", by(maintainer, FAILING, failing_causes=FAILS)),
            *_refused_rules(maintainer, "{} because of a letter"),
            Asked("refused: no reason", "limits", by(maintainer, FAILING, failing_causes=FAILS)),
            Asked("refused: the author is a maintainer", "limits because I say so", by_author(maintainer, FAILING)),
        ),
        "wrong": (
            Asked("a mistake of ours", "limits/long-context", by(triager, FAILING, failing_causes=FAILS)),
            *_refused_rules(triager, "{}"),
            Asked("refused: no rule", "", by(triager, FAILING)),
            Asked("refused: two words", "limits please", by(triager, FAILING)),
            Asked("refused: a missing sign-off", "dco", by(triager, FAILING, failing_causes=("dco/missing",))),
            Asked("refused: the author is a triager", "limits", by_author(triager, FAILING, failing_causes=FAILS)),
        ),
    }


def _refused_rules(role: Role, written: str) -> tuple[Asked, ...]:
    unread = by(role, UNREAD, failing_causes=FAILS)
    return (
        Asked("refused: no such rule", written.format("limit"), by(role, FAILING, failing_causes=FAILS)),
        Asked("refused: a rule that protects", written.format("hostile"), by(role, FAILING)),
        Asked("refused: not judged yet", written.format("limits"), by(role, UNJUDGED)),
        Asked("refused: it has found nothing", written.format("pii"), by(role, FAILING, failing_causes=FAILS)),
        Asked("refused: nothing fails", written.format("pii"), by(role)),
        Asked("refused: not all of it could be read", written.format("limits"), unread),
    )


def _restraining() -> dict[str, tuple[Asked, ...]]:
    held = a_case(status=a_status(State.NEEDED, Label.HOLD))
    return {
        "hold": (Asked("by its author", "", by_author()), Asked("by a triager", "wait", by(Role.TRIAGER))),
        "unhold": (
            Asked("by a triager", "", by(Role.TRIAGER, held)),
            Asked("refused: its author", "", by_author()),
        ),
        "legal-hold": (
            Asked("by a triager", "is this edition free?", by(Role.TRIAGER)),
            Asked("cleared by a maintainer", "cancel", by(Role.MAINTAINER)),
            Asked("refused: cleared by a triager", "cancel", by(Role.TRIAGER)),
            Asked("refused: the label is taken off by a triager", "", by(Role.TRIAGER, label_set=False)),
        ),
        "close": (Asked("by its author", "", by_author()), Asked("refused: closed", "", by_author(case=CLOSED))),
        "reopen": (
            Asked("by its author", "", by_author(case=CLOSED)),
            Asked("refused: open", "", by_author()),
            Asked("refused: merged", "", by_author(case=CLOSED, is_merged=True)),
            Asked("refused: a triager closed it", "", by_author(case=CLOSED, closed_by_id=1)),
        ),
    }


def _speaking() -> dict[str, tuple[Asked, ...]]:
    anybody = by(Role.OUTSIDER)
    teams = Policy().model_copy(
        update={"teams": Policy().teams.model_copy(update={"triagers": ("triage", "night-shift")})}
    )
    jobs = (
        a_job(1, JobKind.PRECHECK, JobState.SUCCEEDED),
        a_job(2, JobKind.GENERATE, JobState.QUEUED, position=3),
    )
    all_kinds = (
        a_precheck(JobState.SUCCEEDED, id=1, files=FILES),
        a_precheck(JobState.INFRA_ERROR, id=2, message="The worker worker-1 fell silent."),
        a_precheck(JobState.RUNNING, id=3, progress=HALF_DONE, prospects=SOON),
        a_precheck(id=4, position=3, prospects=HOURS),
        a_precheck(id=5, position=4, prospects=Prospects(NOW, None, NO_WORKER)),
    )
    many = tuple(replace(jobs[0], id=n) for n in range(1, 31))
    rivals = a_case(rivals=(Rival(2, "bob", False),))
    merged = a_case(is_open=False, is_merged=True)
    return {
        "help": (
            Asked("an outsider", "", anybody),
            Asked("the author", "", by_author()),
            Asked("a triager", "", by(Role.TRIAGER)),
            Asked("a maintainer", "", by(Role.MAINTAINER)),
            *(Asked(f"one command: {name}", name, anybody) for name in all_commands()),
            Asked("refused: no such command", "dance", anybody),
            Asked("refused: a mistyped command", "/aprove", anybody),
        ),
        "status": (
            Asked("it waits for triage", "", anybody),
            Asked("nothing is missing", "", by(Role.OUTSIDER, an_approved_case())),
            Asked("with jobs, and another for the same leaf", "", by(Role.OUTSIDER, rivals, jobs=jobs)),
            Asked("with jobs in each state", "", by(Role.OUTSIDER, jobs=all_kinds)),
            Asked("with very many jobs", "", by(Role.OUTSIDER, jobs=many)),
            Asked("closed, with jobs", "", by(Role.OUTSIDER, CLOSED, jobs=jobs[:1])),
            Asked("without labels", "", by(Role.OUTSIDER, labels=frozenset())),
            Asked("closed", "", by(Role.OUTSIDER, CLOSED)),
            Asked("merged", "", by(Role.OUTSIDER, merged)),
        ),
        "why": (
            Asked("it waits for triage", "", anybody),
            Asked("nothing is missing", "", by(Role.OUTSIDER, an_approved_case())),
            Asked("the checks fail", "", by(Role.OUTSIDER, FAILING)),
            Asked("closed", "", by(Role.OUTSIDER, CLOSED)),
        ),
        "explain": (
            Asked("a rule", "counts", anybody),
            Asked("refused: no rule named", "", anybody),
            Asked("refused: a mistyped rule", "count", anybody),
            Asked("refused: no such rule", "weather", anybody),
        ),
        "check": (
            Asked("refused: guesses for triagers alone", "topics", by(Role.TRIAGER)),
            Asked("all", "", by_author()),
            Asked("one rule", "pii", by_author()),
            Asked("one cause", "limits/long-pair", by_author()),
            Asked("refused: no such rule", "limit", by_author()),
            Asked("refused: no such cause", "limits/tall", by_author()),
            Asked("refused: closed", "", by_author(case=CLOSED)),
        ),
        "question": (
            Asked("no team is known", "which licence fits?", by_author()),
            Asked("a triager asks", "which licence fits?", by(Role.TRIAGER)),
            Asked("the teams are called", "which licence fits?", by_author(policy=teams)),
            Asked("refused: no question", "", by_author()),
        ),
        "cc": (
            Asked("two people", "@tess @max", by(Role.TRIAGER)),
            Asked("refused: nobody", "", by(Role.TRIAGER)),
            Asked("refused: a team", "@instruct/everyone", by(Role.TRIAGER)),
            Asked("refused: six people", "@a @b @c @d @e @f", by(Role.TRIAGER)),
        ),
        "remind": (
            Asked("in a week", "", by_author()),
            Asked("in three days, of something", "3 ask for the source", by_author()),
            Asked("refused: in no days", "0", by_author()),
            Asked("refused: in a thousand days", "1000", by_author()),
        ),
        "fix": (Asked("by its author", "", by_author()),),
    }


def _computing() -> dict[str, tuple[Asked, ...]]:
    triager = Role.TRIAGER
    queued = a_job(1, JobKind.PRECHECK, JobState.QUEUED, position=1)
    done = a_job(2, JobKind.PRECHECK, JobState.SUCCEEDED)
    broken = a_job(3, JobKind.GENERATE, JobState.INFRA_ERROR)
    older = a_job(4, JobKind.GENERATE, JobState.TIMED_OUT, sha=OLDER_SHA)
    starting = (
        Asked("a triager lets it through", "", by(triager)),
        Asked("refused: closed", "", by(triager, CLOSED)),
        Asked("refused: for another branch", "", by(triager, a_case(targets_default_branch=False))),
        Asked("refused: the checks fail", "", by(triager, FAILING)),
        Asked("refused: no contribution", "", by(triager, OTHER_FILES)),
    )
    return {
        **{kind.value: starting for kind in OF_PULLS},
        "cancel": (
            Asked("all jobs", "", by_author(jobs=(queued, done))),
            Asked("one job", "1", by_author(jobs=(queued, done))),
            Asked("refused: it is over", "2", by_author(jobs=(queued, done))),
            Asked("refused: no such job", "9", by_author(jobs=(queued, done))),
            Asked("refused: nothing waits or runs", "", by_author(jobs=(done,))),
            Asked("refused: there are no jobs", "9", by_author()),
            Asked("the label is taken off", "", by(triager, label_set=False)),
        ),
        "retry": (
            Asked("the newest", "", by(triager, jobs=(broken,))),
            Asked("refused: it is not over", "1", by(triager, jobs=(queued,))),
            Asked("refused: it has succeeded", "", by(triager, jobs=(done,))),
            Asked("refused: it was for another commit", "", by(triager, jobs=(older,))),
            Asked("refused: none has ended", "", by(triager, jobs=(queued,))),
        ),
    }


def _arranging() -> dict[str, tuple[Asked, ...]]:
    triager = Role.TRIAGER
    labelled = frozenset({"skill", "odd"})
    return {
        "assign": (
            Asked("oneself", "", by(triager)),
            Asked("somebody", "@max", by(triager)),
            Asked("refused: no user name", "@instruct/everyone", by(triager)),
        ),
        "unassign": (Asked("oneself", "", by(triager)), Asked("refused: no user name", "two people", by(triager))),
        "label": (
            Asked("a free label", "odd", by(triager)),
            Asked("refused: no name", "", by(triager)),
            Asked("refused: too long", "x" * 51, by(triager)),
            *(Asked(f"a label of the review: {label}", label, by(triager)) for label in sorted(WORKFLOW_LABELS)),
        ),
        "unlabel": (
            Asked("a free label", "odd", by(triager, labels=labelled)),
            Asked("refused: it is not there", "strange", by(triager)),
            Asked("refused: a state", "triage-approved", by(triager)),
        ),
        "retitle": (
            Asked("a new title", "Read values from tables", by_author()),
            Asked("refused: none", "", by_author()),
            Asked("refused: too long", "x" * 201, by_author()),
        ),
    }


def _batches() -> tuple[Asked, ...]:
    triager = by(Role.TRIAGER)
    many = " ".join(f"#{n}" for n in range(1, 52))
    return (
        Asked("the preview is asked for", "hold #12 #13", triager),
        Asked("confirmed", "confirm bcdf23", triager),
        Asked("refused: no code", "confirm", triager),
        Asked("refused: no numbers", "hold", triager),
        Asked("refused: too many", f"hold {many}", triager),
        Asked("refused: a mistyped command", "hlod #12", triager),
        Asked("refused: a command that answers", "why #12", triager),
        Asked("refused: a request without words", "request-changes #12", triager),
        Asked("refused: too many words", f"reject {'x' * 600} #12", triager),
    )
