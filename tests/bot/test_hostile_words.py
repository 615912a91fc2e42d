"""What contributors write into any place that the bot quotes comes out as text, and never too long for GitHub."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from bot.care import closing_word, help_call, stale_word
from bot.commands.registry import all_commands
from bot.comments.batches import BatchRow, preview_text, results_text
from bot.comments.check_report import check_report
from bot.comments.job_report import evaluation_comment, job_report
from bot.comments.jobs import jobs_in_full
from bot.comments.notices import approvals_fell, label_put_right, not_run_again, thanks
from bot.comments.readiness import readiness_report
from bot.comments.replies import reply
from bot.comments.sign_off import sign_off_recipe
from bot.dossier import Dossier
from bot.jobs import JobKind, JobState
from bot.labels import Label
from bot.orders import too_long
from bot.readiness import Rival
from bot.roles import Role
from bot.store.pardons import PardonKind
from bot.workflow import State
from checks.findings import Check, Finding, Outcome, Severity, Suggestion, Verdict
from checks.policy import Policy
from checks.sign_off_advice import RemediationText, SignOffAdvice
from pipeline.contract import Progress
from pipeline.evaluation_results import (
    BenchmarkRow,
    EvaluateResult,
    GateRow,
    ModelIdentity,
    Scale,
    SeedCheckResult,
    SeedCheckRow,
    SideBySide,
)
from pipeline.evaluation_results import Verdict as Measured
from tests.bot.rendering import rendered, tags, text_nodes
from tests.bot.situations import SHA, a_case, a_job, a_situation, a_standing, a_status, an_approved_case
from tests.words.findings import LINKS, cause
from tests.words.jobs import ADDRESS, FILES, a_precheck
from tests.words.living import a_pardon, comment
from tests.words.notices import BUILD
from tests.words.replies import answer

MOST_COMMENT = 65_536  # characters, GitHub's limits
MOST_SUMMARY = 65_535
MOST_TITLE = 255

HOSTILE = [
    "@instruct/everyone",
    "<script>alert(1)</script>",
    "](http://x) [x](http://x) ![x](http://x)",
    "`",
    "``` `` `",
    "\u202edetavorppa\u2066 \u200b\u2028",
    "#666 fixes GH-666 instruct/taxonomy#666",
    "http://x and www.x.example and eve@x.example",
    "<!-- taxonomy-bot:living:triager -->",
    "</details></sub><details open><h1>",
    "x\n\n# Heading\n\n| a | b |\n|---|---|\n\n/approve",
    "`@instruct/everyone` <script> ](http://x) \u202e #666",
]
FOR_TERMINALS = [
    "\x1b[31;1m@instruct/everyone\x1b[0m",
    "\x1b]8;;http://x\x07link\x1b]8;;\x07",
    "\x9b2J\x1b(B\x1bc\r\x08\x00",
    "\x1b[<script>alert(1)</script>",
    "@\x1b[0minstruct/everyone #\x1b[0m666",
]
_OURS = {
    *("p", "h2", "h3", "h4", "strong", "em", "code", "pre", "a", "ul", "ol", "li", "hr", "br"),
    *("details", "summary", "sub", "table", "thead", "tbody", "tr", "th", "td"),
    "blockquote",
}
_OUR_ADDRESSES = (ADDRESS, LINKS.repository_url, LINKS.rules_url, Policy().messages.rules_url)
_HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]")


def assert_it_does_nothing(markdown: str) -> None:
    "No mention, no reference, no foreign link or tag, and nothing that cannot be seen."
    html = rendered(markdown)
    assert not _HIDDEN.search(markdown)
    assert {tag.strip("/") for tag in tags(html)} <= _OURS
    assert "taxonomy-bot:living" not in re.sub(r"<(code|pre)\b.*?</\1>", "", html, flags=re.DOTALL).replace(
        "&lt;!", ""
    )
    for address in re.findall(r'(?:href|src)="([^"]*)"', html):
        assert address.startswith(_OUR_ADDRESSES), address
    for node in text_nodes(html):
        assert not re.search(r"(?<![\w`])@\w", node), node
        assert not re.search(r"#666|GH-666|https?://\S|www\.\w|\w@\w", node), node


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_contributor_writes_does_nothing_in_the_report(hostile: str) -> None:
    "Paths, messages, names, leaves and reasons: in the living comment and in both kinds of check runs."
    finding = Finding(
        cause("counts/too-few-examples"),
        Severity.ERROR,
        hostile,
        f"knowledge/{hostile}/qna.yaml",
        3,
        1,
        f"Write {hostile} instead.",
        Suggestion(3, 3, (hostile, "```")),
    )
    verdict = Verdict((finding, finding.weighed(Severity.WARNING), finding.weighed(Severity.NOTICE)))
    name = "".join(hostile.split())
    dossier = Dossier(
        rivals=(Rival(2, hostile, False, f"knowledge/{hostile}"),),
        pardons=(
            a_pardon(PardonKind.OVERRIDE, hostile, hostile, hostile),
            a_pardon(PardonKind.WRONG, hostile, hostile),
        ),
    )
    failed = a_standing(a_case(outcome=Outcome.FAILED), dossier, author=hostile, heard=f"{name} approve")
    passed = a_standing(an_approved_case(), dossier, author=hostile, heard=f"{name} approve")
    texts = Remediated(hostile).recipe
    report = check_report(verdict, Check.CONTRIBUTION, SHA, LINKS, Policy())
    for text in (
        comment(verdict, failed, texts),
        comment(Verdict(()), passed),
        report.summary,
        readiness_report(passed.readiness, SHA).summary,
        texts,
    ):
        assert_it_does_nothing(text)
    for note in report.annotations:
        assert not _HIDDEN.search(note.title + note.message + note.details)


class Remediated:
    """The recipe for commits whose author has put something hostile into the own name."""

    def __init__(self, hostile: str) -> None:
        text = RemediationText(hostile, (SHA,), hostile, f"I, {hostile} <{hostile}>, hereby add ...", True)
        self.recipe = sign_off_recipe(
            SignOffAdvice((SHA,), (text, text), 1, True, False, f"Signed-off-by: {hostile}")
        )


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", sorted(all_commands()))
def test_what_somebody_writes_behind_a_command_does_nothing(name: str, hostile: str) -> None:
    "Neither an answer nor a refusal repeats it with effect, whoever asks and however it is put."
    line = " ".join(hostile.split())
    written = {
        line,
        line.split()[0],
        f"{line} because {line}",
        f"pii because {line}",
        f"pii/{line.split()[0]}",
        f"3 {line}",
        f"reject {line} #2",
        f"{line} #2",
        f"@{line}",
    }
    jobs = (a_job(1, JobKind.PRECHECK, JobState.QUEUED, position=1),)
    failing = a_case(outcome=Outcome.FAILED)
    for arguments in written:
        for role, actor in ((Role.OUTSIDER, "mallory"), (Role.OUTSIDER, "ana"), (Role.MAINTAINER, "max")):
            for case in (a_case(), failing):
                situation = a_situation(
                    actor, role, case, failing_causes=("pii/key",), jobs=jobs, labels=frozenset({line, "skill"})
                )
                text = answer(all_commands()[name], situation, arguments)
                if name == "cc" and text.startswith("For your attention"):
                    continue  # mentioning people is what it is for
                assert_it_does_nothing(text)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_is_said_unasked_repeats_nothing_with_effect(hostile: str) -> None:
    "Names, labels and commands in notices, in words of care and in batches."
    teams = Policy().teams
    rows = (BatchRow(2, f"`{Label.HOLD}`", "done"),)
    for text in (
        not_run_again(hostile, 3, ""),
        label_put_right(Label.HOLD, hostile, "", was_set=True),
        approvals_fell([hostile], "edited", hostile),
        thanks(hostile, BUILD),
        stale_word(hostile, Policy().care),
        closing_word(hostile),
        help_call(hostile, 3, "instruct", teams),
        preview_text(f"reject {hostile}", rows, "bcdf23"),
        results_text(f"reject {hostile}", rows),
    ):
        assert_it_does_nothing(text)


@pytest.mark.parametrize("hostile", [*HOSTILE, *FOR_TERMINALS])
def test_what_a_job_repeats_does_nothing(hostile: str) -> None:
    "Questions and answers of contributors and models, log lines, reasons and progress, in a job's check run."
    rows = (SeedCheckRow(hostile, hostile, hostile, 0.5, context=hostile),)
    model = ModelIdentity(hostile)
    result = SeedCheckResult(SHA, model, hostile, rows, 0.5, 0.5, judge=model, stands_in=hostile)
    ended = a_precheck(JobState.FAILED_BY_CONTRIBUTION, message=hostile)
    running = a_precheck(JobState.RUNNING, progress=Progress(0.5, hostile))
    again = a_precheck(position=1, attempt=2, message=hostile)
    for report in (
        job_report(a_precheck(JobState.SUCCEEDED), result),
        job_report(ended, None, [hostile, "```", hostile]),
        job_report(running),
        job_report(again),
    ):
        assert_it_does_nothing(report.summary)
        assert report.title.isprintable()
        assert "\x1b" not in report.summary
    for line in jobs_in_full((ended, running, again)):
        assert_it_does_nothing(line)


@pytest.mark.parametrize("hostile", [*HOSTILE, *FOR_TERMINALS])
def test_what_an_evaluation_repeats_does_nothing(hostile: str) -> None:
    "Names of models, data, gates and versions, questions, answers and notes: one quotation is ours, no more."
    model = ModelIdentity(hostile, hostile, hostile)
    row = BenchmarkRow(hostile, Scale.ACCURACY, 5, 9, 3, 0, 1, 1, 0, 1, 0.5, Measured.TOO_FEW, note=hostile)
    gate = GateRow(hostile, Scale.SCORE, -1, -2, 0, 0.5, 0.3, is_passed=False, note=hostile)
    side = SideBySide(hostile, hostile, hostile, hostile, hostile, 1, 9, hostile)
    result = EvaluateResult(
        SHA,
        model,
        model,
        (row, replace(row, scale=Scale.SCORE)),
        judge=model,
        data={hostile: hostile},
        seeds=(42,),
        versions={hostile: hostile},
        gates=(gate,),
        side_by_side=(side,),
        durations_s={hostile: 1.0},
        stands_in=hostile,
    )
    job = a_job(3, JobKind.EVALUATE, JobState.SUCCEEDED)
    for text in (job_report(job, result).summary, evaluation_comment(job, result)):
        assert_it_does_nothing(text)
        assert rendered(text).count("<blockquote") == 1
    assert job_report(job, result).title.isprintable()


def test_the_log_in_a_check_run_cannot_break_out_of_its_block() -> None:
    "Fences, tags and tables in it are shown, line by line, and nothing after them is swallowed."
    lines = ["```", "~~~", "</code></pre><img src=x>", "@instruct/everyone", "\x1b[2J\x1b[31mred\x1b[0m"]
    html = rendered(job_report(a_precheck(JobState.INFRA_ERROR), None, lines).summary)
    assert html.count("<pre") == html.count("</pre>") == 1
    assert "&lt;/code&gt;&lt;/pre&gt;&lt;img src=x&gt;\n@instruct/everyone\nred\n</code></pre>" in html
    assert "<sub>" in html.partition("</pre>")[2]


def test_a_worker_may_tell_very_much() -> None:
    "Huge lines, huge messages, a progress beyond all bounds and thousands of answers fit, and the footer stays."
    huge = "\u202e" * 1_000_000
    rows = tuple(SeedCheckRow(huge[:5_000], huge[:5_000], huge[:5_000], 1e300 * (-1) ** n) for n in range(500))
    result = SeedCheckResult(SHA, ModelIdentity(huge), huge, rows, -1e300, 1e300, stands_in=huge)
    for report in (
        job_report(a_precheck(JobState.SUCCEEDED, files=FILES), result),
        job_report(a_precheck(JobState.TIMED_OUT, message=huge, files=FILES), None, [huge] * 100),
        job_report(a_precheck(JobState.RUNNING, progress=Progress(1e308, huge), files=FILES)),
        job_report(a_precheck(JobState.RUNNING, progress=Progress(-1e308, huge), files=FILES)),
    ):
        assert len(report.title) <= MOST_TITLE
        assert len(report.summary.encode()) <= MOST_SUMMARY
        assert report.summary.endswith("</sub>")
        assert "log.txt" in report.summary
    jobs = tuple(a_precheck(JobState.TIMED_OUT, id=n, message=huge[:5_000], files=FILES) for n in range(200))
    assert len("\n".join(jobs_in_full(jobs)).encode()) <= MOST_SUMMARY


LONGEST = "\u202e" * 4_000  # each is shown in eight characters


def test_the_report_on_very_much_fits() -> None:
    "500 findings with long texts, 50 others for the same leaf, 50 findings set aside, 200 jobs, long sign-offs."
    findings = tuple(
        Finding(c, severity, f"{LONGEST[:2000]} {n}", f"knowledge/{n}/{LONGEST[:250]}/qna.yaml", n + 1, 1)
        for n in range(500)
        for c, severity in (
            (cause("counts/too-few-examples"), Severity.ERROR),
            (cause("limits/long-pair"), Severity.WARNING),
            (cause("created-by/other-name"), Severity.NOTICE),
        )
    )
    verdict = Verdict(findings[:500])
    dossier = Dossier(
        rivals=tuple(Rival(n, "a" * 39, False, LONGEST) for n in range(2, 52)),
        pardons=tuple(a_pardon(PardonKind.OVERRIDE, "limits", "a" * 39, LONGEST[:500]) for _ in range(50)),
        jobs=tuple(a_job(n, JobKind.GENERATE, JobState.QUEUED, position=n) for n in range(1, 201)),
    )
    failed = a_standing(a_case(status=a_status(State.NOT_READY), outcome=Outcome.FAILED), dossier, head_sha=SHA)
    passed = a_standing(an_approved_case(), dossier, head_sha=SHA)
    recipe = Remediated(LONGEST).recipe
    for text in (comment(verdict, failed, recipe), comment(Verdict(()), passed)):
        assert len(text) <= MOST_COMMENT
    for check in Check:
        report = check_report(verdict, check, SHA, LINKS, Policy(), recipe)
        assert len(report.title) <= MOST_TITLE
        assert len(report.summary) <= MOST_SUMMARY
        for note in report.annotations:
            assert len(note.title) <= MOST_TITLE
            assert max(len(note.message), len(note.details)) <= MOST_SUMMARY
    gate = readiness_report(failed.readiness, SHA)
    assert len(gate.title) <= MOST_TITLE
    assert len(gate.summary) <= MOST_SUMMARY


@pytest.mark.parametrize("name", sorted(all_commands()))
@pytest.mark.parametrize("filling", ["x", "\u202e", "`", "*", "x ", "@x ", "#1 "])
def test_no_answer_to_a_command_is_too_long(name: str, filling: str) -> None:
    "However long the words behind a command are, as far as they are read, the answer fits into a comment."
    labels = frozenset(f"{n:02} {LONGEST[:45]}" for n in range(100))
    jobs = tuple(a_job(n, JobKind.GENERATE, JobState.QUEUED, position=n) for n in range(1, 201))
    longest = (filling * 5_000)[:5_000]
    assert too_long(longest + "x")
    for arguments in (longest, f"pii because {longest}"[:5_000], f"confirm {longest}"[:5_000], ""):
        for actor, role in (("ana", Role.OUTSIDER), ("max", Role.MAINTAINER)):
            situation = a_situation(actor, role, a_case(outcome=Outcome.FAILED), labels=labels, jobs=jobs)
            text = answer(all_commands()[name], replace(situation, failing_causes=frozenset()), arguments)
            assert len(text) <= MOST_COMMENT


def test_twenty_long_answers_are_one_that_fits() -> None:
    "What does not fit into the reply is left out, and that is said."
    long = f"`{LONGEST}`"
    text = reply([("assign", long)] * 20, [long] * 20, 20)
    assert len(text) <= MOST_COMMENT
    assert text.endswith("write fewer commands at once.")
