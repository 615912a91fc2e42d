"""Answers that take a look at more than the records: one rule, mechanical fixes, batches, many commands at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from bot.commands.parsing import MOST_COMMANDS, WrittenCommand
from bot.commands.registry import all_commands
from bot.commands.situation import (
    Approve,
    AskMerge,
    Assign,
    Effect,
    EndJobs,
    Fire,
    JudgeAgain,
    QueueJob,
    Remind,
    Retitle,
    RetryJob,
    Say,
    SetAside,
    SetLabel,
    SetOpen,
    Withdraw,
)
from bot.comments.answers import about_rule, fixes
from bot.comments.batches import (
    NO_SUCH,
    BatchRow,
    foreseen,
    not_confirmed,
    preview_text,
    refused_by_github,
    results_text,
    standing_text,
    written_elsewhere,
)
from bot.comments.fixing import (
    CLOSED,
    NO_BRANCH,
    NO_EDITS,
    NOT_THEIRS,
    ONLY_WRITERS,
    OUR_FAULT,
    commit_message,
    left_alone,
    moved_on,
    pressed,
    refused,
)
from bot.comments.replies import ONE_BATCH_ONLY, decided_on_page, fitted, reply
from bot.comments.suggestions import suggested_changes
from bot.events import Account, Origin
from bot.jobs import JobKind, JobState
from bot.labels import Label
from bot.orders import REFUSED_EARLIER, Order, no_bot, too_late, too_long
from bot.store.approvals import ApprovalKind
from bot.store.batches import Batch
from bot.store.pardons import PardonKind
from bot.workflow import State, Trigger
from checks.contribution import Identity, Login
from checks.findings import Suggestion, Tidying, Verdict
from checks.repair import Mended, Repair
from checks.rules.lint import NO_FINAL_NEWLINE
from tests.bot.situations import IDS, NOW, REPOSITORY_ID, SHA, a_case, a_situation, a_status
from tests.words.findings import CRASHED, FAILED, LINKS, PASSED, UNREADABLE, a_finding
from tests.words.merging import a_candidate


def words() -> Iterator[tuple[str, str]]:
    "Yield each answer's name and text."
    yield from ((f"answers/{name}", text) for name, text in _about_rules())
    yield from ((f"answers/{name}", text) for name, text in _fixes())
    yield from ((f"batches/{name}", text) for name, text in _batches())
    yield from ((f"answers/{name}", text) for name, text in _putting_right())
    yield "commands-in-general/too-long", too_long("x" * 5_001)
    yield "commands-in-general/by-a-bot", no_bot(all_commands()["hold"])
    yield "commands-in-general/refused-at-first", REFUSED_EARLIER
    yield "commands-in-general/too-late", _too_late()
    hold = WrittenCommand("hold", "wait for @ana's <b>source</b>", 1)
    yield "commands-in-general/decided-on-a-page", decided_on_page("tess", hold, "1a2b3c4" + "0" * 33, ())
    yield (
        "commands-in-general/too-many",
        reply([("hold", "Only a triager may do this.")], ["Hello."], MOST_COMMANDS),
    )
    yield "commands-in-general/too-much-to-answer", _ending(reply([], ["x" * 50_000, "y" * 50_000]))


def _too_late() -> str:
    origin, tess = Origin(REPOSITORY_ID, "instruct/taxonomy", 1), Account(Login("tess"), IDS["tess"])
    order = Order(origin, 1, tess, WrittenCommand("triage-approve", "", 1), "comment:8:1", NOW)
    return too_late(
        order,
        all_commands()["triage-approve"],
        (Fire(Trigger.TRIAGE_APPROVE),),
        a_situation(case=a_case(is_open=False)),
    )


def _ending(text: str) -> str:
    return text[text.rindex("\n\n") :].strip()


def _about_rules() -> Iterator[tuple[str, str]]:
    for name, verdict, rule in (
        ("rule-has-found-something", FAILED, "counts"),
        ("rule-has-found-nothing", PASSED, "counts"),
        ("cause-has-found-nothing", FAILED, "limits/long-context"),
        ("rule-broke-down", CRASHED, "pii"),
        ("rule-could-not-read", UNREADABLE, "dco"),
        ("rule-has-found-very-much", _very_much(), "counts"),
    ):
        yield name, "\n\n".join(about_rule(verdict, rule, LINKS))
    many = Verdict(tuple(a_finding("limits/long-pair", "Too long.", line=n) for n in range(1, 61)))
    yield "rule-has-found-sixty", "\n\n".join(about_rule(many, "limits", LINKS))


def _very_much() -> Verdict:
    return Verdict((a_finding("counts/too-few-examples", "x" * 21_000), a_finding("counts/too-few-examples", "x")))


def _fixes() -> Iterator[tuple[str, str]]:
    one = a_finding("lint/trailing-spaces", "Spaces at the end.", suggestion=Suggestion(3, 3, ("a: b",)))
    two = replace(one, suggestion=Suggestion(3, 4, ("a: b", "c: d")))
    long = replace(one, suggestion=Suggestion(3, 3, ("x" * 21_000,)))
    windows = a_finding("lint/windows-line-ends", "The lines end as on Windows.")
    yield "nothing-to-fix", "\n\n".join(fixes(PASSED, LINKS))
    yield "fixes-of-whole-files", "\n\n".join(fixes(Verdict((replace(windows, tidying=Tidying.LINE_ENDS),)), LINKS))
    yield "fixes", "\n\n".join(fixes(Verdict((one, two, long)), LINKS))
    many = Verdict(tuple(replace(one, line=n) for n in range(1, 33)))
    yield "too-many-fixes", [*fixes(many, LINKS)][-1]
    checks_url = f"{LINKS.repository_url}/pull/1/checks"
    yield "too-much-to-say", _ending(fitted(["x" * 50_000, "y" * 50_000], checks_url))


def _putting_right() -> Iterator[tuple[str, str]]:
    cause = a_finding("lint/trailing-spaces", "Spaces at the end.").cause
    repair = Repair("a/qna.yaml", "a/qna.yaml", b"", b"", (Mended(cause, 3),))
    other = Repair("b/qna.yml", "b/qna.yaml", b"", b"", (Mended(NO_FINAL_NEWLINE, 1),))
    bot = Identity("taxonomy-bot[bot]", "7+taxonomy-bot[bot]@users.noreply.github.com")
    yield "put-right-commit", commit_message((repair, other), "ana", bot)
    yield "put-right-closed", CLOSED
    yield "put-right-moved-on", moved_on(SHA)
    yield "put-right-no-edits-allowed", NO_EDITS
    yield "put-right-no-branch", NO_BRANCH
    yield "put-right-not-theirs", NOT_THEIRS
    yield "put-right-refused", refused(403)
    yield "put-right-our-fault", OUR_FAULT
    yield "put-right-left-alone", "\n\n".join(left_alone([f"knowledge/{n}/qna.yaml" for n in range(7)]))
    yield "put-right-by-the-button", pressed("ana", (ONLY_WRITERS,))
    many = (a_finding("lint/trailing-spaces", "Spaces at the end.", line=n) for n in range(1, 33))
    found = Verdict(tuple(replace(f, suggestion=Suggestion(f.line or 1, f.line or 1, ("a: b",))) for f in many))
    shown = {found.findings[0].path or "": frozenset(range(1, 40))}
    if review := suggested_changes(found, shown, SHA, ""):
        yield "put-right-suggested", f"{review.body}\n\n{review.notes[0].body}"


def _batches() -> Iterator[tuple[str, str]]:
    rows = (
        BatchRow(12, "`skill`, `triage-needed` at `c0ffee0`", "+`hold`"),
        BatchRow(13, "merged", "This pull request is closed.", is_refused=True),
        BatchRow(14, "", NO_SUCH, is_refused=True),
    )
    yield "preview", preview_text("hold", rows[:1], "bcdf23")
    yield "preview-with-refusals", preview_text("hold", rows, "bcdf23")
    yield "preview-with-refusals-only", preview_text("hold", rows[1:], "")
    done = (BatchRow(12, "", "done"), BatchRow(13, "", refused_by_github(403), is_refused=True))
    yield "results", results_text("reject too short | odd", done)
    yield "words-written-for-several", written_elsewhere("tess", 7)
    yield "two-in-one-comment", ONE_BATCH_ONLY
    yield "standings", "\n\n".join(_standings())
    yield "foreseen", "\n\n".join(f"- {foreseen((effect,), a_status())}" for effect in _effects())
    batch = Batch(REPOSITORY_ID, "bcdf23", 7, IDS["tess"], "hold", ((12, SHA),), NOW)
    for name, known, actor, number, at in (
        ("unknown", None, "tess", 7, NOW),
        ("of-somebody-else", batch, "max", 7, NOW),
        ("elsewhere", batch, "tess", 8, NOW),
        ("twice", replace(batch, done_at=NOW), "tess", 7, NOW),
        ("too-late", batch, "tess", 7, NOW + timedelta(hours=2)),
    ):
        yield f"confirmed-{name}", not_confirmed(known, IDS[actor], number, at)


def _standings() -> Iterator[str]:
    pull, status = a_candidate().pull, a_status(State.APPROVED, Label.HOLD)
    yield standing_text(pull, status)
    yield standing_text(replace(pull, is_draft=True), a_status(State.NEW))
    yield standing_text(replace(pull, is_open=False), status)
    yield standing_text(replace(pull, is_open=False, is_merged=True), status)


def _effects() -> tuple[Effect, ...]:
    return (
        Fire(Trigger.TRIAGE_APPROVE),
        Fire(Trigger.UNHOLD),
        Approve(ApprovalKind.APPROVE),
        Withdraw(ApprovalKind.APPROVE),
        SetAside(PardonKind.WRONG, "limits", ""),
        QueueJob(JobKind.PRECHECK),
        EndJobs(JobState.CANCELLED),
        RetryJob(3),
        AskMerge(),
        SetLabel("odd", on=True),
        SetLabel("odd", on=False),
        Say("Hello."),
        JudgeAgain(),
        Remind(1, ""),
        Remind(3, ""),
        Assign(Login("tess"), on=True),
        Assign(Login("tess"), on=False),
        Retitle("Read values"),
        SetOpen(is_open=True),
        SetOpen(is_open=False),
    )
