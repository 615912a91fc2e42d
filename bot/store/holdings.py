"""What is held in each table, for how long and why, and where in it people stand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Period(StrEnum):
    """How long rows are kept."""

    HANDLED = "until handled; then that it came, for `DELIVERY_DAYS` (30 days)"
    THREE_DAYS = "six days"
    LOGS = "`JOB_LOG_DAYS` (90 days) after the job"
    ARTIFACTS = "`ARTIFACT_DAYS` (90 days); a row goes with its file"
    DATA = "`ARTIFACT_DAYS` (90 days) after the last build that used it"
    WHILE_IT_LASTS = "while it lasts"
    SIGNED_IN = "until they sign out, `SESSION_HOURS` (12 hours) at most"
    READINGS = "`READING_DAYS` (90 days) after the pull request was last judged"
    FOR_EVER = "for ever"


@dataclass(frozen=True, slots=True)
class Holding:
    """One table. `people` are pairs of the columns with a login and with the same account's id, "" for none.

    `lists` are columns with logins between spaces, `texts` columns in which people may be named, `json` those that
    hold JSON.
    """

    table: str
    what: str
    period: Period
    why: str
    people: tuple[tuple[str, str], ...] = ()
    lists: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    json: tuple[str, ...] = ()
    goes_with_them: bool = False  # rows of somebody who is forgotten are deleted, not made nameless


_ACTOR = (("actor", "actor_id"),)

HOLDINGS = (
    Holding(
        "deliveries",
        "webhooks as GitHub sent them, and decisions taken on pages",
        Period.HANDLED,
        "nothing is lost, nothing is done twice",
        texts=("error",),
    ),
    Holding(
        "redeliveries",
        "which webhooks never came: their numbers, no content",
        Period.THREE_DAYS,
        "GitHub is asked for them again, and not for ever",
    ),
    Holding("replicas", "which processes of the bot run", Period.WHILE_IT_LASTS, "they share one inbox"),
    Holding("leases", "which of them does what", Period.WHILE_IT_LASTS, "nothing is done twice"),
    Holding(
        "pull_requests",
        "what we last said on a pull request, and whose it is",
        Period.FOR_EVER,
        "a late event or a revert finds what was decided",
        people=(("author", "author_id"), ("reviewer", ""), ("", "closed_by_id")),
        lists=("commit_authors",),
        texts=("merge_refusal", "title"),
    ),
    Holding(
        "rule_starts", "since when each new rule counts here", Period.FOR_EVER, "new rules are gentle at first"
    ),
    Holding(
        "sessions",
        "who is signed in to the pages",
        Period.SIGNED_IN,
        "people see and do there what their role allows",
        people=(("login", "user_id"),),
        goes_with_them=True,
    ),
    Holding(
        "readings",
        "what was judged of a pull request, personal data in it masked, and what was found",
        Period.READINGS,
        "people read it on the pages as it was judged",
    ),
    Holding(
        "last_looks",
        "at which commit somebody last looked at a pull request",
        Period.READINGS,
        "they are shown what has changed since",
        people=(("", "user_id"),),
        goes_with_them=True,
    ),
    Holding(
        "passages",
        "the questions, answers and contexts of open pull requests",
        Period.WHILE_IT_LASTS,
        "a later one that repeats it hears of it",
    ),
    Holding(
        "observed_pulls",
        "what we would say on pull requests where we are silent",
        Period.WHILE_IT_LASTS,
        "it is shown on the pages, and not said",
    ),
    Holding("poll_marks", "up to where each repository was read", Period.WHILE_IT_LASTS, "nothing is read twice"),
    Holding(
        "polled_pulls",
        "how each open pull request looked when it was last read, as a digest, and whose it is",
        Period.WHILE_IT_LASTS,
        "only what has changed is looked at",
        people=(("", "author_id"),),
    ),
    Holding("leaves", "which leaves open pull requests change", Period.WHILE_IT_LASTS, "two that meet are told"),
    Holding(
        "approvals",
        "who stands behind which content",
        Period.FOR_EVER,
        "a merge can be traced to those who wanted it",
        people=_ACTOR,
        texts=("fell_because",),
    ),
    Holding(
        "pardons",
        "findings that a person set aside, and why",
        Period.FOR_EVER,
        "an exception can be traced, and a rule that is often wrong is found",
        people=_ACTOR,
        texts=("reason",),
    ),
    Holding("rule_hits", "on which contents a rule spoke", Period.FOR_EVER, "how often a rule is wrong"),
    Holding(
        "state_changes",
        "each move through the workflow",
        Period.FOR_EVER,
        "measured waits and timelines",
        people=(("actor", ""),),
    ),
    Holding("merge_requests", "who asked for a merge", Period.WHILE_IT_LASTS, "it is carried out", people=_ACTOR),
    Holding(
        "reminders",
        "what somebody wants to be reminded of",
        Period.FOR_EVER,
        "it is said once",
        people=(("actor", ""),),
        texts=("text",),
        goes_with_them=True,
    ),
    Holding(
        "batches",
        "commands for many pull requests",
        Period.FOR_EVER,
        "one is carried out once",
        people=(("", "actor_id"),),
        texts=("command",),
    ),
    Holding("chores", "when regular work was last done", Period.FOR_EVER, "it is not done too often"),
    Holding(
        "repositories",
        "the repositories served, and who had them adopted",
        Period.FOR_EVER,
        "the bot knows where to look, and where to speak",
        people=(("chosen_by", ""),),
    ),
    Holding("heads", "when a commit became a head", Period.FOR_EVER, "a command binds to what was seen"),
    Holding(
        "audit",
        "every act: who, in which role, what, at which commit",
        Period.FOR_EVER,
        "what was done to a contribution can be traced",
        people=_ACTOR,
        texts=("arguments",),
    ),
    Holding(
        "jobs",
        "what was computed, for whom, and what came of it",
        Period.FOR_EVER,
        "budgets, and numbers that can be traced",
        people=(("asked_by", "asked_by_id"),),
        texts=("message",),
        json=("outcome",),
    ),
    Holding(
        "switches",
        "what an operator switched",
        Period.WHILE_IT_LASTS,
        "who did it can be asked",
        people=(("set_by", ""),),
    ),
    Holding("workers", "which workers are there", Period.WHILE_IT_LASTS, "the pages of all replicas show them"),
    Holding("swaps", "how long models took to load", Period.LOGS, "forecasts"),
    Holding("job_reports", "the logs of jobs", Period.LOGS, "a failure can be understood", texts=("lines",)),
    Holding("artifacts", "which files belong to which pull request", Period.ARTIFACTS, "results can be looked at"),
    Holding(
        "builds",
        "what each night took in",
        Period.FOR_EVER,
        "a model can be traced to its data",
        texts=("because", "held"),
        json=("plan",),
    ),
    Holding(
        "build_contributions",
        "whose contributions a build took in",
        Period.FOR_EVER,
        "authors are told what became of their work",
        people=(("author", "author_id"),),
    ),
    Holding("leaf_data", "what was generated from a leaf", Period.DATA, "builds use it again"),
    Holding(
        "quarantined_leaves",
        "leaves that no build takes in, and why",
        Period.FOR_EVER,
        "a leaf that did harm is not taken in again",
        people=(("set_by", ""), ("lifted_by", "")),
        texts=("reason",),
    ),
    Holding(
        "releases",
        "the builds in the store of models",
        Period.FOR_EVER,
        "what is served can be traced, and taken back",
        people=(("promoted_by", ""),),
    ),
    Holding(
        "announcements",
        "what was said of builds, in a line",
        Period.FOR_EVER,
        "nobody is told twice",
        texts=("gist",),
    ),
)


def holdings_table() -> str:
    """Return a table of all that is held, for the documentation."""
    rows = ["| table | what it holds | kept | why | people |", "|---|---|---|---|---|"]
    rows += [
        f"| `{h.table}` | {h.what} | {h.period.value} | {h.why} | {_people_of(h)} |"
        for h in sorted(HOLDINGS, key=lambda holding: holding.table)
    ]
    return "\n".join(rows) + "\n"


def _people_of(holding: Holding) -> str:
    columns = [column for pair in holding.people for column in pair if column]
    columns += [*holding.lists, *holding.texts, *holding.json]
    return ", ".join(f"`{column}`" for column in columns)
